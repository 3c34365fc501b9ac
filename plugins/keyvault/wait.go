package keyvault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

const (
	// maxWait is the most that one operation waits for the vault to finish what it
	// does with a secret. The SDK's own tests, and users, see up to two minutes.
	maxWait = 120 * time.Second
	// lastRequest is what a wait leaves of the deadline, for the request behind it.
	lastRequest = time.Second
)

// patience is the waiting of one operation: with growing pauses, in all never
// longer than maxWait, and none that the deadline would cut short.
type patience struct {
	sleep  func(context.Context, time.Duration) error
	waited time.Duration
	rounds int
}

var errNoTimeLeft = errors.New("no time is left to wait longer")

// pause waits a little, or says why it does not.
func (w *patience) pause(ctx context.Context) error {
	pauses := [...]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second, 5 * time.Second}
	d := pauses[min(w.rounds, len(pauses)-1)]
	if deadline, has := ctx.Deadline(); w.waited+d > maxWait || (has && time.Until(deadline) < d+lastRequest) {
		return errNoTimeLeft
	}
	w.rounds++
	w.waited += d
	return w.sleep(ctx, d)
}

// sleep returns early, with the context's error, when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until asks again and again, until it is done or the wait is over.
func (w *patience) until(ctx context.Context, done func() bool) error {
	for !done() {
		if err := w.pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// patiently gives an operation the configured time, and beside it that of its
// waits. Each request is bounded by the configured time anyway.
func (p *Provider) patiently(ctx context.Context) (context.Context, context.CancelFunc, *patience) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout+maxWait)
	return ctx, cancel, &patience{sleep: p.sleep}
}

// gaveUp is the fault of an operation that ended while the vault was still at
// it. advice says what holds now and what to do; last is what the vault said. It
// is the fault when there is no state, that is when nothing was waited for but a
// better moment.
func (p *Provider) gaveUp(op string, target vault.Target, w *patience, stop error, state, advice string, last error) error {
	if state == "" {
		return last
	}
	f := &fault.Error{Reason: fault.Timeout, Source: fault.SourceBackend, Cause: errors.Join(stop, last)}
	why := fmt.Sprintf("after %s of waiting", w.waited)
	switch {
	case errors.Is(stop, context.Canceled):
		f.Reason, why = fault.Cancelled, why+", when the caller gave up"
	case w.waited+5*time.Second <= maxWait:
		why += ", and the deadline leaves no time to wait longer"
	}
	f.Message = fmt.Sprintf("%s %s: the secret is still %s %s; %s", op, p.where(target), state, why, advice)
	quote(f, last)
	return f
}

// quote adds what the vault said last, and what its support asks for.
func quote(f *fault.Error, last error) {
	var said *fault.Error
	if errors.As(last, &said) {
		f.Message = cut(f.Message + ": " + said.Message)
		f.RequestID, f.RetryAfter, f.ConfigPath = said.RequestID, said.RetryAfter, said.ConfigPath
	}
}

// said is the text of a fault without its reason.
func said(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}

// cut keeps a text within what the contract carries.
func cut(text string) string {
	if len(text) <= contract.MaxTextBytes {
		return text
	}
	return strings.ToValidUTF8(text[:contract.MaxTextBytes], "")
}

// where names a secret and the vault it is in.
func (p *Provider) where(target vault.Target) string {
	return fmt.Sprintf("%s (%s in %s)", target.Ref, target.Name, p.vault.Host())
}

// command is how an operator does something to a secret by hand.
func (p *Provider) command(verb string, target vault.Target) string {
	return fmt.Sprintf("az keyvault secret %s --vault-name %s --name %s", verb, vaultName(p.vault.Host()), target.Name)
}
