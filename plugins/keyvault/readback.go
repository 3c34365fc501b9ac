package keyvault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

const (
	// maxSends is how often a write is sent of which it is known, each time, that
	// the vault does not have it.
	maxSends = 3
	// looks is how often it is looked for. A write that a gateway lost may still
	// be on its way.
	looks = 2
)

// send writes one version, and when its outcome is in doubt looks for it before
// it is sent again. All have the same stamp: should the vault carry one out long
// after its gateway gave it up, they can be told to be one write. The stamp is
// made here, and not before any wait, because it orders versions of one second.
func (p *Provider) send(ctx context.Context, target vault.Target, w vault.Write, wait *patience) (vault.Properties, error) {
	w.Tags[tagWritten] = p.stamp()
	for sent := 1; ; sent++ {
		written, err := p.sendOnce(ctx, target, w)
		if err == nil || !vault.Uncertain(err) || ctx.Err() != nil {
			return written, err
		}
		found, is, e := p.lookFor(ctx, target, w, wait)
		switch {
		case is:
			return found, nil
		case e != nil:
			return vault.Properties{}, p.unknown(target, err, "and reading it back failed too, so whether it was written is unknown; "+
				"describe the secret before you set it again", e)
		case sent == maxSends:
			return vault.Properties{}, p.unknown(target, err, fmt.Sprintf("it was sent %d times, and each time the vault did not have it when it was read back; "+
				"set it again when the vault is in order", sent), nil)
		}
		if stop := wait.pause(ctx); stop != nil {
			return vault.Properties{}, p.unknown(target, err, "the vault did not have it when it was read back, and no time is left to try again", nil)
		}
	}
}

// sendOnce leaves a quarter of the time for reading back.
func (p *Provider) sendOnce(ctx context.Context, target vault.Target, w vault.Write) (vault.Properties, error) {
	if deadline, has := ctx.Deadline(); has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, min(p.timeout, time.Until(deadline)*3/4))
		defer cancel()
	}
	return p.vault.Set(ctx, target, w)
}

// unknown is the fault of a write that failed with err, with what we know of its
// outcome.
func (p *Provider) unknown(target vault.Target, err error, outcome string, e error) error {
	f := &fault.Error{Reason: fault.Of(err), Source: fault.SourceBackend, Cause: errors.Join(err, e)}
	f.Message = fmt.Sprintf("set %s: the vault did not confirm the write, %s", p.where(target), outcome)
	quote(f, err)
	if e != nil {
		f.Message = cut(f.Message + "; on reading it back: " + said(e))
	}
	return f
}

// lookFor returns the version that w made, also when it is no longer current.
func (p *Provider) lookFor(ctx context.Context, target vault.Target, w vault.Write, wait *patience) (vault.Properties, bool, error) {
	for look := 1; ; look++ {
		found, is, err := p.find(ctx, target, w)
		if err != nil || is || look == looks || wait.pause(ctx) != nil {
			return found, is, err
		}
	}
}

func (p *Provider) find(ctx context.Context, target vault.Target, w vault.Write) (vault.Properties, bool, error) {
	made := func(v vault.Properties) bool {
		return v.Tags[tagWritten] == w.Tags[tagWritten] && v.Tags[tagInstance] == w.Tags[tagInstance]
	}
	text, current, err := p.vault.Get(ctx, target, "")
	switch {
	case err == nil && made(current):
		return current, sameValue(text, w.Text), nil
	case err != nil && !fault.Is(err, fault.NotFound, fault.Disabled):
		return vault.Properties{}, false, err
	}
	versions, err := p.vault.Versions(ctx, target)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return vault.Properties{}, false, err
	}
	for _, v := range versions {
		if !made(v) {
			continue
		}
		text, got, err := p.vault.Get(ctx, target, v.Version)
		if err != nil || sameValue(text, w.Text) {
			return got, err == nil, err
		}
	}
	return vault.Properties{}, false, nil
}
