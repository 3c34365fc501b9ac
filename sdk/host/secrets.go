package host

import (
	"context"
	"errors"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Resolver reads values. Only the engine and the migration hold one.
type Resolver struct{ *metadata }

// OpenResolver starts the plugin of the choice for reading and returns at once.
func OpenResolver(c Config) (*Resolver, error) {
	p, err := open(c)
	if err != nil {
		return nil, err
	}
	return &Resolver{&metadata{p}}, nil
}

// Get returns a value, the newest one for [secret.Current], never from a cache.
// The caller wipes it. The error is an [*fault.Error].
func (r *Resolver) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	return read(ctx, r.Provider, func(ctx context.Context, f facade.Plugin) (secret.Secret, error) { return f.Get(ctx, ref, version) })
}

// Administrator changes secrets and shows what may be shown. It has no way to a
// value.
type Administrator struct{ *metadata }

// OpenAdministrator starts the plugin of the choice for writing and returns at
// once.
func OpenAdministrator(c Config) (*Administrator, error) {
	p, err := open(c)
	if err != nil {
		return nil, err
	}
	return &Administrator{&metadata{p}}, nil
}

// Set stores a value; the caller wipes it afterwards.
func (a *Administrator) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	return write(ctx, a.Provider, func(ctx context.Context, f facade.Plugin) (secret.Metadata, error) { return f.Set(ctx, req) })
}

// Delete removes a secret.
func (a *Administrator) Delete(ctx context.Context, ref secret.Ref) error {
	_, err := write(ctx, a.Provider, func(ctx context.Context, f facade.Plugin) (struct{}, error) {
		return struct{}{}, f.Delete(ctx, ref)
	})
	return err
}

// Recover brings a deleted secret back, where the store keeps deleted ones.
func (a *Administrator) Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	return write(ctx, a.Provider, func(ctx context.Context, f facade.Plugin) (secret.Metadata, error) { return f.Recover(ctx, ref) })
}

// Purge removes a deleted secret for ever.
func (a *Administrator) Purge(ctx context.Context, ref secret.Ref) error {
	_, err := write(ctx, a.Provider, func(ctx context.Context, f facade.Plugin) (struct{}, error) {
		return struct{}{}, f.Purge(ctx, ref)
	})
	return err
}

// metadata is what both doors show.
type metadata struct{ *Provider }

// Describe returns the metadata of the current version.
func (m *metadata) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	return read(ctx, m.Provider, func(ctx context.Context, f facade.Plugin) (secret.Metadata, error) { return f.Describe(ctx, ref) })
}

// List returns a page of the store's secrets.
func (m *metadata) List(ctx context.Context, req provider.ListRequest) (secret.Page, error) {
	return read(ctx, m.Provider, func(ctx context.Context, f facade.Plugin) (secret.Page, error) { return f.List(ctx, req) })
}

// ListVersions returns a page of a secret's versions.
func (m *metadata) ListVersions(ctx context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error) {
	return read(ctx, m.Provider, func(ctx context.Context, f facade.Plugin) (secret.Page, error) { return f.ListVersions(ctx, ref, req) })
}

// read makes a call that changes nothing. When the plugin dies under it, it is
// made once more on the plugin's next process, within the same deadline.
func read[T any](ctx context.Context, p *Provider, call func(context.Context, facade.Plugin) (T, error)) (T, error) {
	ctx, cancel := limit(ctx)
	defer cancel()
	v, lease, err := once(ctx, p, supervise.Lease{}, call)
	if connectionLost(ctx, err) {
		v, lease, err = once(ctx, p, lease, call)
		if connectionLost(ctx, err) {
			err = fault.Wrap(fault.Unavailable, fault.SourcePlugin, "the plugin died during the call, twice", err)
		}
	}
	return v, locate(lease, err)
}

// write makes a call that changes the store. It is never made again: when the
// plugin dies under it nobody knows whether it happened.
func write[T any](ctx context.Context, p *Provider, call func(context.Context, facade.Plugin) (T, error)) (T, error) {
	ctx, cancel := limit(ctx)
	defer cancel()
	v, lease, err := once(ctx, p, supervise.Lease{}, call)
	switch {
	case connectionLost(ctx, err):
		err = fault.Wrap(fault.Unavailable, fault.SourcePlugin, "the plugin died during the call; "+outcomeUnknown, err)
	case facade.IsViolation(err):
		err = fault.Wrap(fault.Internal, fault.SourcePlugin, "the answer cannot be trusted; "+outcomeUnknown, err)
	}
	return v, locate(lease, err)
}

const outcomeUnknown = "the change may or may not have happened; describe the secret before you try again"

// once makes a call on the process in service, or on the one after lost, and
// tells the supervisor how it went. The lease is given back already; it says
// which process it was.
func once[T any](ctx context.Context, p *Provider, lost supervise.Lease, call func(context.Context, facade.Plugin) (T, error)) (v T, lease supervise.Lease, err error) {
	if lease, err = p.supervisor.AcquireAfter(ctx, lost); err != nil {
		return v, lease, err
	}
	// A call that panics gives the lease back too, or no reload would ever end it.
	defer func() { lease.Done(ctx, err) }()
	v, err = call(ctx, lease.Plugin())
	return v, lease, err
}

// locate turns the key that an outcome names, which the plugin knows only
// relative to its own configuration, into one that the operator can find.
func locate(lease supervise.Lease, err error) error {
	if err == nil {
		return nil
	}
	var e *fault.Error
	if errors.As(err, &e) && e.ConfigPath != "" {
		if i, ok := lease.Instance().(*instance); ok {
			e.ConfigPath = diag.Join(i.configPath, e.ConfigPath)
		}
	}
	return err
}

// connectionLost reports whether the plugin went away during a call: the
// transport broke, or the supervisor closed it under the call when it noticed. A
// backend that cannot be reached is another matter and has another source.
func connectionLost(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	var e *fault.Error
	if !errors.As(err, &e) || e.Source != fault.SourcePlugin {
		return false
	}
	return e.Reason == fault.Unavailable || e.Reason == fault.Cancelled && ctx.Err() == nil
}

// limit gives a call a deadline when its caller did not.
func limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, CallLimit)
}
