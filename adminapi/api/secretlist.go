package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	// storePages is how many pages of the store one page of the list looks at.
	storePages = 10
	// maxSorted is how many secrets are read to sort them.
	maxSorted = 2000
	// describeAtOnce is how many secrets are described side by side, and
	// describeMost by one page.
	describeAtOnce, describeMost = 8, 50
	// listLimit is how long reading the store for one page may take.
	listLimit = 20 * time.Second
)

// SecretsQuery is what of the secrets a list has.
type SecretsQuery struct {
	Paging
	Sort          string    `query:"sort" enum:"store,ref,-ref,updated,-updated,expires,-expires,lastUsed,-lastUsed" default:"store" doc:"The store's own order, or a field. What has no such time comes last when the earliest come first."`
	Q             string    `query:"q" maxLength:"4096" doc:"A part of the ref or of the name, in any case."`
	Used          string    `query:"used" enum:"true,false" doc:"Only those that connectors use, or that none uses."`
	Missing       string    `query:"missing" enum:"true,false" doc:"Only those that connectors use and the store lacks, or that it has."`
	ExpiresBefore time.Time `query:"expiresBefore" doc:"Only those that expire before, or have expired."`
}

type secretPage struct {
	Body struct {
		Items    []SecretMetadata `json:"items" nullable:"false"`
		Next     string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		Complete bool             `json:"complete" doc:"On the last page: whether the store's listing is known to hold everything."`
	}
}

// wants reports whether a filter selects a secret.
func (in *SecretsQuery) wants(m SecretMetadata) bool {
	q := strings.ToLower(in.Q)
	switch {
	case !strings.Contains(strings.ToLower(m.Ref), q) && !strings.Contains(m.Name, q):
	case in.Used != "" && (in.Used == "true") != (m.Users > 0):
	case in.Missing != "" && (in.Missing == "true") != m.Missing:
	case !in.ExpiresBefore.IsZero() && (m.Expires.IsZero() || !m.Expires.Before(in.ExpiresBefore)):
	default:
		return true
	}
	return false
}

// skipsMissing reports whether no missing secret can be selected.
func (in *SecretsQuery) skipsMissing() bool {
	return in.Missing == "false" || in.Used == "false" || !in.ExpiresBefore.IsZero()
}

// The steps of a list in the store's own order, as the key of a cursor.
const (
	inStore  = "store"
	inUse    = "use"
	inUseAll = "use, all listed"
)

func (a *API) listSecrets(ctx context.Context, in *SecretsQuery) (*secretPage, error) {
	q := query{"secrets", in.Sort, []any{in.Q, in.Used, in.Missing, in.ExpiresBefore}}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	out := &secretPage{}
	var next *store.Mark
	if in.Sort == "store" {
		out.Body.Items, next, out.Body.Complete, err = a.secretsAsStored(ctx, in, page)
	} else {
		out.Body.Items, next, err = a.secretsSorted(ctx, in, page)
		out.Body.Complete = next == nil
	}
	out.Body.Next = q.next(next)
	return out, err
}

// secretsAsStored goes through the store, then through what connectors use and the
// store lacks.
func (a *API) secretsAsStored(ctx context.Context, in *SecretsQuery, page store.Paging) (items []SecretMetadata, next *store.Mark, complete bool, err error) {
	items = []SecretMetadata{}
	at := store.Mark{Key: inStore}
	if in.Missing == "true" {
		at.Key = inUseAll // each is asked for
	}
	if page.After != nil {
		at = *page.After
	}
	for range storePages {
		if at.Key != inStore {
			break
		}
		found, err := a.Secrets.List(ctx, provider.ListRequest{Size: page.Limit - len(items), Token: at.ID})
		if err != nil {
			return nil, nil, false, err
		}
		shown, err := a.showSecrets(ctx, found.Items)
		if err != nil {
			return nil, nil, false, err
		}
		for _, m := range shown {
			if in.wants(m) {
				items = append(items, m)
			}
		}
		switch at.ID = found.Next; {
		case found.Next != "":
		case found.Complete:
			at = store.Mark{Key: inUseAll}
		default:
			at = store.Mark{Key: inUse}
		}
		if len(items) == page.Limit {
			break
		}
	}
	if at.Key != inStore && in.skipsMissing() {
		return items, nil, at.Key == inUseAll, nil
	}
	if at.Key == inStore || len(items) == page.Limit {
		return items, &at, false, nil
	}
	asked := min(describeMost, page.Limit-len(items))
	used, err := a.Store.ListUsedSecrets(ctx, at.ID, asked+1)
	if err != nil {
		return nil, nil, false, err
	}
	more := len(used) > asked
	used = used[:min(asked, len(used))]
	missing, err := a.missing(ctx, used)
	if err != nil {
		return nil, nil, false, err
	}
	for _, m := range missing {
		if in.wants(m) {
			items = append(items, m)
		}
	}
	if !more {
		return items, nil, at.Key == inUseAll, nil
	}
	at.ID = used[asked-1].Name
	return items, &at, false, nil
}

// showSecrets adds to secrets who uses them.
func (a *API) showSecrets(ctx context.Context, list []secret.Metadata) ([]SecretMetadata, error) {
	uses, err := a.uses(ctx, list...)
	if err != nil {
		return nil, err
	}
	return all(list, func(m secret.Metadata) SecretMetadata { return a.secretMetadata(m, uses[usedName(m)]) }), nil
}

// missing asks the store for each secret and returns those that it lacks.
func (a *API) missing(ctx context.Context, used []store.UsedSecret) ([]SecretMetadata, error) {
	said := make([]error, len(used))
	var asking sync.WaitGroup
	free := make(chan struct{}, describeAtOnce)
	for n, u := range used {
		free <- struct{}{}
		asking.Go(func() {
			_, said[n] = a.Secrets.Describe(ctx, secret.Ref(u.Ref))
			<-free
		})
	}
	asking.Wait()
	var list []secret.Metadata
	deleted := map[string]bool{}
	for n, u := range used {
		switch err := said[n]; {
		case fault.Is(err, fault.NotFound, fault.Deleted):
			list = append(list, secret.Metadata{Ref: secret.Ref(u.Ref), Name: u.Name})
			deleted[u.Ref] = fault.Is(err, fault.Deleted)
		case err != nil:
			return nil, err
		}
	}
	shown, err := a.showSecrets(ctx, list)
	for n := range shown {
		shown[n].Missing, shown[n].Deleted = true, deleted[shown[n].Ref]
	}
	return shown, err
}

// secretsSorted reads the whole store and sorts what it has and lacks.
func (a *API) secretsSorted(ctx context.Context, in *SecretsQuery, page store.Paging) ([]SecretMetadata, *store.Mark, error) {
	tooMany := problem.New(http.StatusUnprocessableEntity, "too-many-secrets", fmt.Sprintf(
		"The store has more than %d secrets, or cannot say that it listed all of them, and can only be listed in its own order; leave sort out.", maxSorted))
	var list []secret.Metadata
	known := map[string]bool{}
	for token := ""; ; {
		found, err := a.Secrets.List(ctx, provider.ListRequest{Size: provider.MaxPageSize, Token: token})
		if err != nil {
			return nil, nil, err
		}
		list = append(list, found.Items...)
		if len(list) > maxSorted || found.Next == "" && !found.Complete {
			return nil, nil, tooMany
		}
		if token = found.Next; token == "" {
			break
		}
	}
	for _, m := range list {
		known[usedName(m)] = true
	}
	used, err := a.Store.ListUsedSecrets(ctx, "", maxSorted+1)
	if err != nil {
		return nil, nil, err
	}
	if len(used) > maxSorted {
		return nil, nil, tooMany
	}
	stored := len(list)
	for _, u := range used {
		if !known[u.Name] {
			list = append(list, secret.Metadata{Ref: secret.Ref(u.Ref), Name: u.Name})
		}
	}
	shown, err := a.showSecrets(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	for n := range shown[stored:] {
		shown[stored+n].Missing = true
	}
	wanted := shown[:0]
	for _, m := range shown {
		if in.wants(m) {
			wanted = append(wanted, m)
		}
	}
	by := strings.TrimPrefix(in.Sort, "-")
	items, next := sliced(wanted, page, func(m SecretMetadata) string { return secretKey(m, by) })
	// A listing does not have what was deleted.
	var ask []store.UsedSecret
	for _, m := range items {
		if m.Missing && len(ask) < describeMost {
			ask = append(ask, store.UsedSecret{Name: m.Name, Ref: m.Ref})
		}
	}
	missing, err := a.missing(ctx, ask)
	for n := range items {
		items[n].Deleted = slices.ContainsFunc(missing, func(m SecretMetadata) bool { return m.Deleted && m.Name == items[n].Name })
	}
	return items, next, err
}

// secretKey is what a secret is sorted by, distinct for each.
func secretKey(m SecretMetadata, by string) string {
	at := map[string]time.Time{"updated": m.Updated, "expires": m.Expires, "lastUsed": m.LastUsed}[by]
	key := m.Ref
	switch {
	case by == "ref":
	case at.IsZero():
		key = "~" + key // behind every time
	default:
		key = at.UTC().Format("2006-01-02T15:04:05.000000000Z") + key
	}
	return key + "\x00" + m.Name
}
