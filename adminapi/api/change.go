package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// change is what an operation is about to do: read and checked, and not begun.
type change[O any] struct {
	// target is what is changed, as the audit log names it: a ref, or a path such as
	// connectors/1.
	target string
	// before is what is there and wanted what is asked for, as they are to stand in
	// the audit log: never with a secret's value. Nil for nothing.
	before, wanted any
	// actor is who makes it, where only the request itself proves that; nil for who is
	// signed in.
	actor *authz.Principal
	// do makes the change. Beside an error it returns what was changed all the same.
	do func(context.Context) (done[O], error)
	// release, when not nil, is called in the end, also when nothing was done.
	release func()
}

// done is a change that was made.
type done[O any] struct {
	answer *O
	// target, where only the change could say what it is.
	target string
	// after is what is there now, for the audit log like before.
	after any
	// outcome is for a request that was answered about a change that failed.
	outcome fault.Reason
}

const (
	// recordLimit is how long writing a record may take.
	recordLimit = 10 * time.Second
	// maxDocument is the longest part of a record's detail that is kept as it is, so
	// that two of them and what surrounds them are never cut.
	maxDocument = audit.MaxText/2 - 512
)

// registerChange adds an operation that changes something. Beside [registerCreate]
// it is the only way to add one: plan decides what is to be done and the record of it is written before
// it is done. What plan refuses has no record, because nothing was tried.
func registerChange[I, O any](a *API, needs authz.Permission, action string, op huma.Operation, plan func(context.Context, *I) (change[O], error)) {
	add(a, needs, op, carryOut(a, action, plan))
}

// carryOut returns what an operation that changes something does.
func carryOut[I, O any](a *API, action string, plan func(context.Context, *I) (change[O], error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		c, err := plan(ctx, in)
		if c.release != nil {
			defer c.release()
		}
		if err != nil {
			return nil, err
		}
		if c.actor != nil {
			ctx = authz.With(ctx, *c.actor)
		}
		record, err := a.begin(ctx, action, c.target, map[string]any{"before": c.before, "wanted": c.wanted})
		if err != nil && ctx.Err() != nil {
			return nil, err // the client left; that says nothing about the audit log
		}
		if err != nil {
			a.Logger.ErrorContext(ctx, "a change was refused because the audit log cannot be written", "action", action,
				telemetry.KeyError, err, "request_id", problem.RequestID(ctx))
			return nil, problem.New(http.StatusServiceUnavailable, "audit-unavailable",
				"Nothing was changed, because the audit log cannot be written; the log of the Admin API says why. Runs go on. Try again when it is mended.")
		}
		result, err := c.do(ctx)
		if err != nil {
			p := a.problem(ctx, err)
			a.end(ctx, record, reasonOf(p), map[string]any{"problem": strings.TrimPrefix(p.Type, problem.Prefix), "after": result.after})
			return nil, p
		}
		if result.target != "" {
			record.About(result.target)
		}
		a.end(ctx, record, result.outcome, map[string]any{"after": result.after})
		return result.answer, nil
	}
}

func (a *API) begin(ctx context.Context, action, target string, documents map[string]any) (*audit.Operation, error) {
	detail, err := detailOf(documents)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, recordLimit)
	defer cancel()
	who := authz.From(ctx)
	return a.Audit.Begin(ctx, audit.Entry{
		Actor: who.String(), Role: string(who.Role), Address: address(ctx), Action: action, Target: target,
		Correlation: problem.RequestID(ctx), Detail: detail,
	})
}

// end records how a change ended. It was made or not by now, so what goes wrong
// here is no reason to tell the client otherwise: the intent stays open, which
// everybody sees who verifies the log.
func (a *API) end(ctx context.Context, record *audit.Operation, outcome fault.Reason, documents map[string]any) {
	// Also for a client that has left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordLimit)
	defer cancel()
	detail, err := detailOf(documents)
	var failure error
	if outcome != fault.OK {
		failure = fault.New(outcome, fault.SourceHost, "")
	}
	if e := record.End(ctx, failure, detail); e != nil {
		err = e
	}
	if err != nil {
		a.Logger.ErrorContext(ctx, "the outcome of a change is not in the audit log as it should be", telemetry.KeyError, err,
			"request_id", problem.RequestID(ctx))
	}
}

// detailOf returns the documents that are there as one. Of what is too long only
// the size and the hash are kept.
func detailOf(documents map[string]any) (string, error) {
	kept := map[string]json.RawMessage{}
	for name, d := range documents {
		if d == nil {
			continue
		}
		text, err := json.Marshal(d)
		if err == nil && len(text) > maxDocument {
			hash := sha256.Sum256(text)
			text, err = json.Marshal(map[string]any{"bytes": len(text), "sha256": hex.EncodeToString(hash[:])})
		}
		if err != nil {
			return "", fmt.Errorf("write %s for the audit log: %w", name, err)
		}
		kept[name] = text
	}
	if len(kept) == 0 {
		return "", nil
	}
	text, err := json.Marshal(kept)
	return string(text), err
}

// reasonOf returns the outcome that a problem stands for in the audit log, which
// has the problem's own name beside it.
func reasonOf(p *problem.Problem) fault.Reason {
	for _, r := range fault.Reasons() {
		if r.String() == p.Reason {
			return r
		}
	}
	switch strings.TrimPrefix(p.Type, problem.Prefix) {
	case "connector-name-taken":
		return fault.AlreadyExists
	case "connector-disabled":
		return fault.Disabled
	case "connector-running":
		return fault.Unavailable
	case "cancelled":
		return fault.Cancelled
	}
	switch p.Status {
	case http.StatusNotFound:
		return fault.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return fault.VersionConflict
	case http.StatusServiceUnavailable:
		return fault.Unavailable
	}
	return fault.Internal
}

type addressKey struct{}

// withAddress keeps where a request came from, which handlers do not see
// otherwise.
func withAddress(ctx huma.Context, next func(huma.Context)) {
	from := ctx.RemoteAddr()
	if host, _, err := net.SplitHostPort(from); err == nil {
		from = host
	}
	next(huma.WithValue(ctx, addressKey{}, from))
}

func address(ctx context.Context) string {
	from, _ := ctx.Value(addressKey{}).(string)
	return from
}
