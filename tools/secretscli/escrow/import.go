package escrow

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Action is what became of a secret of a bundle.
type Action string

// The actions. With [Into.DryRun] they are what would become of it.
const (
	Created  Action = "created"
	Replaced Action = "replaced"
	Kept     Action = "kept"
	Failed   Action = "failed"
)

// Into says how to import.
type Into struct {
	// Replace what the store has already; otherwise that is kept.
	Replace bool
	// DryRun changes nothing.
	DryRun bool
	// Around, when set, is called for each change and makes it by calling do, whose
	// error it returns.
	Around func(ctx context.Context, item Item, do func() error) error
	// OnSecret, when set, is told of each secret, in the order of the bundle.
	OnSecret func(Imported)
}

// Imported is one secret of an import.
type Imported struct {
	Ref    secret.Ref `json:"ref"`
	Action Action     `json:"action"`
	// Lost is what the store cannot keep: "expiry", "tags".
	Lost []string `json:"lost,omitempty"`
	// Problem of one that failed.
	Problem string `json:"problem,omitempty"`
	Err     error  `json:"-"`
}

// Import sets the secrets of b in the store that c opens. One that fails does not
// keep the others out, unless the store itself cannot be reached. The error is for
// a bundle that cannot be read to its end, or that.
func Import(ctx context.Context, c host.Config, b *Bundle, into Into) error {
	store, err := host.OpenAdministrator(c)
	if err != nil {
		return fault.Wrap(fault.Unavailable, fault.SourceHost, "start the secret provider "+c.Choice.Provider, err)
	}
	defer store.Close()
	info, err := store.Info(ctx)
	if err != nil {
		return err
	}
	for done := 0; ; done++ {
		item, value, err := b.Next(done)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		got := put(ctx, store, info.Capabilities, item, value, into)
		value.Wipe()
		if into.OnSecret != nil {
			into.OnSecret(got)
		}
		if err := errors.Join(got.Err, ctx.Err()); ctx.Err() != nil || fault.Is(err, fault.Unavailable) {
			return fmt.Errorf("stopped at secret %d of %d; those before it are done, so the same command goes on here: %w", done+1, len(b.Manifest.Secrets), err)
		}
	}
}

func put(ctx context.Context, store *host.Administrator, can facade.Capabilities, item Item, value secret.Value, into Into) Imported {
	out := Imported{Ref: item.Ref, Action: Created}
	failed := func(err error) Imported {
		out.Action, out.Err, out.Problem = Failed, err, err.Error()
		return out
	}
	_, err := store.Describe(ctx, item.Ref)
	switch {
	case err == nil && !into.Replace:
		out.Action = Kept
		return out
	case err == nil:
		out.Action = Replaced
	case !fault.Is(err, fault.NotFound, fault.Deleted):
		return failed(err)
	}
	set := provider.SetRequest{Ref: item.Ref, Value: value}
	if none := secret.Version(""); out.Action == Created && can.Has(facade.ConditionalSet) {
		set.Expected = &none
	}
	if can.Has(facade.Expiry) {
		set.Expires = item.Expires
	} else if !item.Expires.IsZero() {
		out.Lost = append(out.Lost, "expiry")
	}
	if can.Has(facade.Tags) {
		set.Tags = item.Tags
	} else if len(item.Tags) > 0 {
		out.Lost = append(out.Lost, "tags")
	}
	if into.DryRun {
		return out
	}
	do := func() error { _, err := store.Set(ctx, set); return err }
	if into.Around != nil {
		err = into.Around(ctx, item, do)
	} else {
		err = do()
	}
	if err != nil {
		return failed(err)
	}
	return out
}
