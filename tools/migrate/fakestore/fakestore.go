// Package fakestore is a secret store in memory for the tests of the migration: it
// keeps the contract, and a test can make it refuse, break, lose an answer, or be
// changed by somebody else at any call.
//
// Start reading at [New].
package fakestore

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/pace"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// Entry is one secret of the store.
type Entry struct {
	Meta     secret.Metadata
	Value    []byte
	Earlier  map[secret.Version][]byte
	Deleted  bool
	Nameless bool
}

// Fake is the store. Its methods may be called concurrently.
type Fake struct {
	// Before, when set, is asked before a call changes or reads anything ("get",
	// "describe", "list", "set", "delete"); its error is the answer. After is asked when
	// the call was done, so that its error is an answer that was lost.
	Before, After func(call string, ref secret.Ref) error
	// Soft keeps what is deleted. Conditional honours expected versions.
	Soft, Conditional, Versioned bool
	// PageSize is at most that of a request; 0 for no limit of its own.
	PageSize int
	// Incomplete listings do not promise to hold all.
	Incomplete bool

	name string
	mu   sync.Mutex
	next int
	all  map[secret.Ref]*Entry
	sets []secret.Ref
}

// New makes an empty store whose versions begin with name.
func New(name string) *Fake {
	return &Fake{name: name, all: map[secret.Ref]*Entry{}, Conditional: true, Soft: true}
}

// Store returns it as a side of a migration. Waits take no time.
func (f *Fake) Store() *stores.Store {
	capabilities := facade.Capabilities{facade.List, facade.ListComplete, facade.Write, facade.Delete, facade.Expiry, facade.Tags}
	if f.Conditional {
		capabilities = append(capabilities, facade.ConditionalSet)
	}
	if f.Soft {
		capabilities = append(capabilities, facade.SoftDelete)
	}
	if f.Versioned {
		capabilities = append(capabilities, facade.Versions)
	}
	return &stores.Store{
		Caller: f, Side: ledger.Side{Provider: f.name, Store: f.name + ".test"},
		Info: facade.Info{Name: f.name, Capabilities: capabilities,
			Limits: provider.Limits{MaxValueBytes: secret.MaxValueBytes, MaxRefBytes: secret.MaxRefBytes}},
		Pacer: pace.New(pace.Config{Sleep: rest}), Sleep: rest,
	}
}

func rest(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// Put sets a secret as somebody else would, and returns its version.
func (f *Fake) Put(ref secret.Ref, value string) secret.Version {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put(ref, []byte(value), time.Time{}, nil)
}

func (f *Fake) put(ref secret.Ref, value []byte, expires time.Time, tags map[string]string) secret.Version {
	f.next++
	v := secret.Version(fmt.Sprintf("%s%d", f.name, f.next))
	e := f.all[ref]
	if e == nil {
		e = &Entry{Earlier: map[secret.Version][]byte{}}
		f.all[ref] = e
	}
	e.Value, e.Deleted = bytes.Clone(value), false
	e.Earlier[v] = e.Value
	e.Meta = secret.Metadata{Ref: ref, Name: naming.Name(string(ref)), Version: v, Updated: time.Now(), Expires: expires, Tags: maps.Clone(tags)}
	return v
}

// Change changes an entry behind everybody's back.
func (f *Fake) Change(ref secret.Ref, change func(*Entry)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.all[ref])
}

// Value returns what the store holds, and whether it does.
func (f *Fake) Value(ref secret.Ref) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.all[ref]
	if e == nil || e.Deleted {
		return "", false
	}
	return string(e.Value), true
}

// Sets returns the refs that were set through the contract, in order.
func (f *Fake) Sets() []secret.Ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sets)
}

func (f *Fake) find(ref secret.Ref) (*Entry, error) {
	e := f.all[ref]
	switch {
	case e == nil:
		return nil, fault.New(fault.NotFound, fault.SourceBackend, "no such secret in "+f.name)
	case e.Deleted:
		return nil, fault.New(fault.Deleted, fault.SourceBackend, "deleted in "+f.name)
	}
	return e, nil
}

func ask(question func(string, secret.Ref) error, call string, ref secret.Ref) error {
	if question == nil {
		return nil
	}
	return question(call, ref)
}

// call makes one call, with the test's questions around it.
func call[T any](f *Fake, ctx context.Context, name string, ref secret.Ref, do func() (T, error)) (v T, err error) {
	if err := ctx.Err(); err != nil {
		return v, fault.Wrap(fault.Cancelled, fault.SourcePlugin, "", err)
	}
	if err := ask(f.Before, name, ref); err != nil {
		return v, err
	}
	f.mu.Lock()
	v, err = do()
	f.mu.Unlock()
	if lost := ask(f.After, name, ref); err == nil && lost != nil {
		var none T
		return none, lost
	}
	return v, err
}

// Get implements [stores.Caller].
func (f *Fake) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	return call(f, ctx, "get", ref, func() (secret.Secret, error) {
		e, err := f.find(ref)
		if err != nil {
			return secret.Secret{}, err
		}
		value := e.Value
		if version != secret.Current && version != e.Meta.Version {
			if value = e.Earlier[version]; !f.Versioned || value == nil {
				return secret.Secret{}, fault.New(fault.NotFound, fault.SourceBackend, "no such version")
			}
		} else if e.Meta.Disabled {
			return secret.Secret{}, fault.New(fault.Disabled, fault.SourceBackend, "it is disabled in "+f.name)
		}
		return secret.Secret{Metadata: e.Meta, Value: secret.NewValue(bytes.Clone(value))}, nil
	})
}

// Describe implements [stores.Caller].
func (f *Fake) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	return call(f, ctx, "describe", ref, func() (secret.Metadata, error) {
		e, err := f.find(ref)
		if err != nil {
			return secret.Metadata{}, err
		}
		return e.Meta, nil
	})
}

// List implements [stores.Caller].
func (f *Fake) List(ctx context.Context, req provider.ListRequest) (secret.Page, error) {
	return call(f, ctx, "list", "", func() (secret.Page, error) {
		size := req.Size
		if f.PageSize > 0 {
			size = min(size, f.PageSize)
		}
		page := secret.Page{}
		for _, ref := range slices.Sorted(maps.Keys(f.all)) {
			e := f.all[ref]
			if string(ref) <= req.Token || e.Deleted {
				continue
			}
			if len(page.Items) == size {
				page.Next = string(page.Items[size-1].Ref)
				if page.Next == "" {
					page.Next = string(f.previous(ref))
				}
				return page, nil
			}
			m := e.Meta
			if e.Nameless {
				m.Ref = ""
			}
			page.Items = append(page.Items, m)
		}
		page.Complete = !f.Incomplete
		return page, nil
	})
}

// previous is the ref before ref.
func (f *Fake) previous(ref secret.Ref) secret.Ref {
	all := slices.Sorted(maps.Keys(f.all))
	i, _ := slices.BinarySearch(all, ref)
	return all[i-1]
}

// Set implements [stores.Caller].
func (f *Fake) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	return call(f, ctx, "set", req.Ref, func() (secret.Metadata, error) {
		e, err := f.find(req.Ref)
		if req.Expected != nil {
			switch {
			case err != nil && *req.Expected != "":
				return secret.Metadata{}, fault.New(fault.VersionConflict, fault.SourceBackend, "it is not there")
			case err == nil && *req.Expected == "":
				return secret.Metadata{}, fault.New(fault.AlreadyExists, fault.SourceBackend, "it is there")
			case err == nil && *req.Expected != e.Meta.Version:
				return secret.Metadata{}, fault.New(fault.VersionConflict, fault.SourceBackend, "it is at another version")
			}
		}
		f.put(req.Ref, req.Value.Reveal(), req.Expires, req.Tags)
		f.sets = append(f.sets, req.Ref)
		return f.all[req.Ref].Meta, nil
	})
}

// Delete implements [stores.Caller].
func (f *Fake) Delete(ctx context.Context, ref secret.Ref) error {
	_, err := call(f, ctx, "delete", ref, func() (struct{}, error) {
		if _, err := f.find(ref); err != nil {
			return struct{}{}, err
		}
		if f.Soft {
			f.all[ref].Deleted = true
		} else {
			delete(f.all, ref)
		}
		return struct{}{}, nil
	})
	return err
}

// Close implements [stores.Caller].
func (f *Fake) Close() error { return nil }
