// Command memstore is a provider that has as many secrets as it is told, in
// memory and in the order of its listing: what a store costs without a store.
package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const valueBytes = 64

type store struct {
	all  []secret.Metadata
	refs map[secret.Ref]int
}

func open(_ context.Context, env provider.Environment) (*store, diag.List) {
	s := &store{refs: map[secret.Ref]int{}}
	now := time.Now()
	for i := range int(env.Settings.Int("Secrets")) {
		ref := secret.Ref(fmt.Sprint("secret://bench/", i))
		s.all = append(s.all, secret.Metadata{Ref: ref, Name: naming.Name(string(ref)), Version: "1795381427636986",
			Created: now, Updated: now, Tags: map[string]string{"owner": "bench"}})
	}
	slices.SortFunc(s.all, func(a, b secret.Metadata) int { return cmp.Compare(a.Name, b.Name) })
	for i, m := range s.all {
		s.refs[m.Ref] = i
	}
	return s, nil
}

func (s *store) Describe(_ context.Context, ref secret.Ref) (secret.Metadata, error) {
	i, ok := s.refs[ref]
	if !ok {
		return secret.Metadata{}, fault.New(fault.NotFound, fault.SourceBackend, "there is no such secret")
	}
	return s.all[i], nil
}

func (s *store) Get(ctx context.Context, ref secret.Ref, _ secret.Version) (secret.Secret, error) {
	m, err := s.Describe(ctx, ref)
	return secret.Secret{Metadata: m, Value: secret.NewValue(make([]byte, valueBytes))}, err
}

func (s *store) List(_ context.Context, req provider.ListRequest) (secret.Page, error) {
	from, found := slices.BinarySearchFunc(s.all, req.Token, func(m secret.Metadata, token string) int { return cmp.Compare(m.Name, token) })
	if found {
		from++
	}
	to := min(from+req.Size, len(s.all))
	page := secret.Page{Items: s.all[from:to], Complete: to == len(s.all)}
	if !page.Complete {
		page.Next = s.all[to-1].Name
	}
	return page, nil
}

func main() {
	pluginmain.Main(provider.Definition[*store]{
		Name: "memstore", Version: "1.0.0", Traits: provider.Traits{ListComplete: true}, Open: open,
		Schema: configschema.Schema{Fields: []configschema.Field{{Key: "Secrets", Type: configschema.Integer, Required: true, About: "How many"}}},
	})
}
