package api_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func sum(text string) []byte { h := sha256.Sum256([]byte(text)); return h[:] }

// vault is a secret provider that keeps everything in memory and fails on demand.
type vault struct {
	mu    sync.Mutex
	rows  map[secret.Ref]secret.Secret
	fails *fault.Error
	// earlier versions, and what was deleted and can be recovered.
	earlier map[secret.Ref][]secret.Metadata
	deleted map[secret.Ref]secret.Secret
	// pages counts the pages that were listed, described the secrets, checks the checks.
	pages, described, checks int
}

func (v *vault) definition() provider.Definition[*vault] {
	return provider.Definition[*vault]{
		Name: "vault", Version: "1.0.0",
		Traits: provider.Traits{ListComplete: true, ConditionalSet: true, Tags: true, Expiry: true},
		Open:   func(context.Context, provider.Environment) (*vault, diag.List) { return v, nil },
	}
}

func (v *vault) fail(f *fault.Error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fails = f
}

func (v *vault) value(ref secret.Ref) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return string(v.rows[ref].Value.Reveal())
}

func (v *vault) row(ref secret.Ref) (secret.Secret, error) {
	if v.fails != nil {
		return secret.Secret{}, v.fails
	}
	row, ok := v.rows[ref]
	if _, deleted := v.deleted[ref]; !ok && deleted {
		return row, fault.New(fault.Deleted, fault.SourceBackend, string(ref)+" is deleted and can be recovered")
	}
	if !ok {
		return row, fault.New(fault.NotFound, fault.SourceBackend, "the vault has no "+string(ref))
	}
	return row, nil
}

// Describe implements provider.Provider.
func (v *vault) Describe(_ context.Context, ref secret.Ref) (secret.Metadata, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.described++
	row, err := v.row(ref)
	return row.Metadata, err
}

// Get implements provider.Provider.
func (v *vault) Get(_ context.Context, ref secret.Ref, _ secret.Version) (secret.Secret, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	row, err := v.row(ref)
	return secret.Secret{Metadata: row.Metadata, Value: row.Value.Clone()}, err
}

// Set implements provider.Writer.
func (v *vault) Set(_ context.Context, req provider.SetRequest) (secret.Metadata, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fails != nil {
		return secret.Metadata{}, v.fails
	}
	old, exists := v.rows[req.Ref]
	if req.Expected != nil {
		switch {
		case exists && *req.Expected == "":
			return secret.Metadata{}, fault.New(fault.AlreadyExists, fault.SourceBackend, "it exists")
		case old.Metadata.Version != *req.Expected:
			return secret.Metadata{}, fault.New(fault.VersionConflict, fault.SourceBackend, "it is at version "+string(old.Metadata.Version))
		}
	}
	if exists {
		v.keep(&v.earlier, req.Ref, old.Metadata)
	}
	m := secret.Metadata{
		Ref: req.Ref, Name: naming.Name(string(req.Ref)), Version: secret.Version(fmt.Sprint(len(v.earlier[req.Ref]) + 1)),
		Created: now, Updated: now, Expires: req.Expires, Tags: req.Tags,
	}
	if v.rows == nil {
		v.rows = map[secret.Ref]secret.Secret{}
	}
	v.rows[req.Ref] = secret.Secret{Metadata: m, Value: req.Value.Clone()}
	return m, nil
}

// Delete implements provider.Writer.
func (v *vault) Delete(_ context.Context, ref secret.Ref) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	row, err := v.row(ref)
	if err != nil {
		return err
	}
	if v.deleted == nil {
		v.deleted = map[secret.Ref]secret.Secret{}
	}
	v.deleted[ref] = row
	delete(v.rows, ref)
	return nil
}

func (v *vault) keep(in *map[secret.Ref][]secret.Metadata, ref secret.Ref, m secret.Metadata) {
	if *in == nil {
		*in = map[secret.Ref][]secret.Metadata{}
	}
	(*in)[ref] = append([]secret.Metadata{m}, (*in)[ref]...)
}

// Recover implements provider.Recoverer.
func (v *vault) Recover(_ context.Context, ref secret.Ref) (secret.Metadata, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	row, ok := v.deleted[ref]
	if !ok {
		return secret.Metadata{}, fault.New(fault.NotFound, fault.SourceBackend, "nothing deleted is called so")
	}
	delete(v.deleted, ref)
	v.rows[ref] = row
	return row.Metadata, nil
}

// Purge implements provider.Recoverer.
func (v *vault) Purge(_ context.Context, ref secret.Ref) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.deleted, ref)
	return nil
}

// ListVersions implements provider.Versioner.
func (v *vault) ListVersions(_ context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	row, err := v.row(ref)
	if err != nil {
		return secret.Page{}, err
	}
	list := append([]secret.Metadata{row.Metadata}, v.earlier[ref]...)
	for n, m := range list {
		if string(m.Version) == req.Token {
			list = list[n+1:]
			break
		}
	}
	if len(list) > req.Size {
		return secret.Page{Items: list[:req.Size], Next: string(list[req.Size-1].Version)}, nil
	}
	return secret.Page{Items: list}, nil
}

// List implements provider.Lister.
func (v *vault) List(_ context.Context, req provider.ListRequest) (secret.Page, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fails != nil {
		return secret.Page{}, v.fails
	}
	v.pages++
	var refs []string
	for ref := range v.rows {
		if string(ref) > req.Token {
			refs = append(refs, string(ref))
		}
	}
	slices.Sort(refs)
	page := secret.Page{Complete: true}
	for _, ref := range refs {
		if len(page.Items) == req.Size {
			return secret.Page{Items: page.Items, Next: string(page.Items[req.Size-1].Ref)}, nil
		}
		page.Items = append(page.Items, v.rows[secret.Ref(ref)].Metadata)
	}
	return page, nil
}

// Check implements provider.Checker.
func (v *vault) Check(context.Context) (provider.CheckReport, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checks++
	if v.fails != nil {
		return provider.CheckReport{}, v.fails
	}
	return provider.CheckReport{Target: "memory", Identity: "tester", Results: []provider.CheckResult{
		{Name: "read", OK: true, Latency: time.Millisecond}, {Name: "write", Skipped: true, Message: "not asked for"},
	}}, nil
}

// put stores a value of no interest.
func (v *vault) put(ref string) error {
	_, err := v.Set(context.Background(), provider.SetRequest{Ref: secret.Ref(ref), Value: secret.NewValue([]byte("x"))})
	return err
}
