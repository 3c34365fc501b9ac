package escrow

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Holder is a person who keeps a part of what opens a bundle.
type Holder struct {
	// Key is age's public key, as the manifest shows it.
	Key       string
	Recipient age.Recipient
}

// Plan says how to export.
type Plan struct {
	// Need of Holders must come together; 1 to len(Holders).
	Need    int
	Holders []Holder
	// Refs to export beside those that the store lists, for stores that do not list
	// all of theirs; one that does not exist is not in the bundle.
	Refs []secret.Ref
	Host string
	Now  time.Time
	// OnSecret, when set, is told how many of how many were read.
	OnSecret func(done, all int)
}

// Result is what an export did.
type Result struct {
	Manifest Manifest
	// Unnamed are entries of the store, by their name in it, whose ref nobody knows.
	// They are not in the bundle.
	Unnamed []string
	// Incomplete: the store does not promise that it listed all its secrets.
	Incomplete bool
}

// UnreadableError names every secret that could not be read. There is no bundle.
type UnreadableError struct{ Errs []error }

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("no bundle was written, because %d secrets cannot be read: %v", len(e.Errs), errors.Join(e.Errs...))
}

// Unwrap returns the error of each secret.
func (e *UnreadableError) Unwrap() []error { return e.Errs }

// Export reads every secret of the store that c opens and writes a bundle to w. With
// an error, what w has is of no use. A secret that changed meanwhile is one, and a
// second try has the newer one; secrets that cannot be read are an
// [*UnreadableError] with all of them. Values are in this process's memory one at a
// time.
func Export(ctx context.Context, c host.Config, plan Plan, w io.Writer) (Result, error) {
	store, err := host.OpenResolver(c)
	if err != nil {
		return Result{}, fault.Wrap(fault.Unavailable, fault.SourceHost, "start the secret provider "+c.Choice.Provider, err)
	}
	defer store.Close()
	result := Result{Manifest: Manifest{
		Created: plan.Now.UTC().Truncate(time.Second), Host: plan.Host, Provider: store.Name(), Secrets: []Item{},
	}}
	if err := inventory(ctx, store, plan, &result); err != nil {
		return result, err
	}
	all, done := result.Manifest.Secrets, 0
	err = Pack(w, result.Manifest, plan.Need, plan.Holders, func(item Item) (secret.Value, error) {
		value, err := unchanged(ctx, store, item)
		if err == nil {
			if done++; plan.OnSecret != nil {
				plan.OnSecret(done, len(all))
			}
		}
		return value, err
	})
	if err == nil || done == len(all) || fault.Is(err, fault.VersionConflict) {
		return result, err
	}
	// There will be no bundle; say at once what else would be in the way of it.
	return result, unreadable(ctx, store, err, all[done+1:])
}

// inventory finds out what there is.
func inventory(ctx context.Context, store *host.Resolver, plan Plan, result *Result) error {
	info, err := store.Info(ctx)
	if err != nil {
		return err
	}
	seen := map[secret.Ref]bool{}
	add := func(m secret.Metadata) {
		if !seen[m.Ref] {
			seen[m.Ref] = true
			result.Manifest.Secrets = append(result.Manifest.Secrets, Item{m.Ref, m.Version, m.Updated, m.Expires, m.Tags})
		}
	}
	result.Incomplete = true
	if info.Capabilities.Has(facade.List) {
		err := each(ctx, store, func(m secret.Metadata) {
			if m.Ref == "" {
				result.Unnamed = append(result.Unnamed, m.Name)
				return
			}
			add(m)
		}, &result.Incomplete)
		if err != nil {
			return err
		}
	}
	for _, ref := range plan.Refs {
		if seen[ref] {
			continue
		}
		m, err := store.Describe(ctx, ref)
		if fault.Is(err, fault.NotFound, fault.Deleted) {
			continue
		}
		if err != nil {
			return err
		}
		add(m)
	}
	return nil
}

// lister is a store that shows what it holds.
type lister interface {
	List(ctx context.Context, req provider.ListRequest) (secret.Page, error)
}

func each(ctx context.Context, store lister, yield func(secret.Metadata), incomplete *bool) error {
	for request := (provider.ListRequest{Size: provider.MaxPageSize}); ; {
		page, err := store.List(ctx, request)
		if err != nil {
			return err
		}
		for _, m := range page.Items {
			yield(m)
		}
		if request.Token = page.Next; request.Token == "" {
			*incomplete = !page.Complete
			return nil
		}
	}
}

// unreadable adds to the first failure those of the items that follow.
func unreadable(ctx context.Context, store *host.Resolver, first error, items []Item) error {
	errs := []error{first}
	for _, item := range items {
		got, err := store.Get(ctx, item.Ref, secret.Current)
		got.Value.Wipe()
		if ctx.Err() != nil {
			return first
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", item.Ref, err))
		}
	}
	return &UnreadableError{errs}
}

// Pack writes a bundle to w, of which need of the holders together open what is
// inside: for each secret of m the value that read returns, which Pack wipes.
func Pack(w io.Writer, m Manifest, need int, holders []Holder, read func(Item) (secret.Value, error)) error {
	m.Format, m.Need, m.Recipients = format, need, nil
	var all []age.Recipient
	for _, h := range holders {
		m.Recipients, all = append(m.Recipients, h.Key), append(all, h.Recipient)
	}
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	if _, err := out.Write(append(head, '\n')); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	inside, err := age.Encrypt(out, threshold{need, all})
	if err != nil {
		return fmt.Errorf("encrypt the bundle: %w", err)
	}
	if _, err := inside.Write(sealed(head)); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	for _, item := range m.Secrets {
		value, err := read(item)
		if err == nil {
			if err = writeEntry(inside, item, value); err != nil {
				err = fmt.Errorf("write the bundle: %w", err)
			}
		}
		value.Wipe()
		if err != nil {
			return err
		}
	}
	if err := errors.Join(inside.Close(), out.Flush()); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	return nil
}

// unchanged reads a secret that is as it was listed.
func unchanged(ctx context.Context, store *host.Resolver, item Item) (secret.Value, error) {
	got, err := store.Get(ctx, item.Ref, secret.Current)
	if err != nil {
		return got.Value, fmt.Errorf("%s: %w", item.Ref, err)
	}
	if got.Metadata.Version != item.Version {
		err = fault.New(fault.VersionConflict, fault.SourceBackend, item.Ref.String()+" was changed while it was exported; export again")
	}
	return got.Value, err
}
