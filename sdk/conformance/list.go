package conformance

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
)

// listCases are about the listing of the store.
func listCases() []Case {
	list, both := []facade.Capability{facade.List}, []facade.Capability{facade.List, facade.Write}
	return []Case{
		{Name: "list-page-is-no-larger-than-asked", Page: "metadata.md", Level: Core, Needs: list, About: "pages of 1, 2, 7 and 1,000, and sizes that nobody may ask for", run: keepsToThePageSize, phase: alone},
		{Name: "list-token-is-not-that-of-its-own-page", Page: "metadata.md", Level: Core, Needs: list, About: "a listing comes to its end", run: comesToAnEnd, phase: alone},
		{Name: "list-takes-no-harm-from-a-foreign-token", Page: "metadata.md", Level: Core, Needs: list, About: "tokens that were never given out", run: survivesForeignTokens, phase: alone},
		{Name: "list-token-outlives-the-process", Page: "metadata.md", Level: None, Needs: both, About: "the next page comes from the next process", run: continuesAfterRestart, phase: alone},
		{Name: "list-holds-each-secret-at-least-once", Page: "metadata.md", Level: Writer, Needs: both, About: "at any page size, also while others are written", run: listsAll, phase: alone},
		{Name: "list-complete-proves-every-secret", Page: "metadata.md", Level: Core, Needs: list, About: "the flag is on the last page only, and only with the claim", run: claimsCompleteness, phase: alone},
	}
}

// maxPages ends a listing that does not end by itself.
const maxPages = 100_000

// pages calls each for every page of a listing.
func (p *plugin) pages(ctx context.Context, size int, each func(token string, page *pb.ListResponse) error) error {
	seen := map[string]bool{}
	token := ""
	for range maxPages {
		page, err := p.List(ctx, &pb.ListRequest{PageSize: uint32(size), PageToken: token})
		if err != nil {
			return outcome(fmt.Sprintf("List of %d", size), err)
		}
		if err := each(token, page); err != nil {
			return err
		}
		if token = page.GetNextPageToken(); token == "" {
			return nil
		}
		if seen[token] {
			return &endlessError{size}
		}
		seen[token] = true
	}
	return &endlessError{size}
}

// endlessError is a listing that comes back to a page it had.
type endlessError struct{ size int }

func (e *endlessError) Error() string {
	return fmt.Sprintf("List of %d gives out a token that it gave out before, expected the listing to end", e.size)
}

// listAll returns every item of a listing.
func (p *plugin) listAll(ctx context.Context, size int) (items []*pb.Metadata, err error) {
	err = p.pages(ctx, size, func(_ string, page *pb.ListResponse) error {
		items = append(items, page.GetItems()...)
		return nil
	})
	return items, err
}

// fewEnough is how many secrets a store may hold for small pages to be tried.
const fewEnough = 400

func (t *trial) pageSizes(ctx context.Context, p *plugin) ([]int, error) {
	sizes := []int{contract.MaxPageItems}
	items, err := p.listAll(ctx, contract.MaxPageItems)
	if err == nil && len(items) <= fewEnough {
		sizes = append(sizes, 7, 2, 1)
	}
	return sizes, err
}

func keepsToThePageSize(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	for _, size := range []int{1, 2, 7, contract.MaxPageItems} {
		pages := 0
		err := p.pages(ctx, size, func(_ string, page *pb.ListResponse) error {
			if n := len(page.GetItems()); n > size {
				t.failf("List of %d answered with %d items", size, n)
			}
			if pages++; pages == 5 {
				return errEnough
			}
			return nil
		})
		if err != nil && err != errEnough && !isEndless(err) {
			return err
		}
	}
	for _, size := range []int{0, contract.MaxPageItems + 1, 1 << 31} {
		page, err := p.List(ctx, &pb.ListRequest{PageSize: uint32(size)})
		if err != nil {
			continue // it may refuse what nobody may ask for
		}
		if n := len(page.GetItems()); n > contract.MaxPageItems {
			t.failf("List of %d answered with %d items, expected at most %d", size, n, contract.MaxPageItems)
		}
	}
	return nil
}

var errEnough = skipf("enough was seen")

func isEndless(err error) bool { _, ok := err.(*endlessError); return ok }

func comesToAnEnd(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	t.fill(ctx, p, 3)
	for _, size := range []int{contract.MaxPageItems, 100, 10} {
		if _, err := p.listAll(ctx, size); err != nil {
			return err
		}
	}
	return nil
}

// fill writes n secrets, if the plugin writes, so that there is something to list.
func (t *trial) fill(ctx context.Context, p *plugin, n int) []string {
	if !t.claims(facade.Write) {
		return nil
	}
	refs := make([]string, n)
	parallel(n, func(i int) {
		refs[i] = t.ref(fmt.Sprint("fill-", i))
		if _, err := p.set(ctx, refs[i], t.leaks.value(48)); err != nil {
			t.problem(err)
		}
	})
	return refs
}

func survivesForeignTokens(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	long := make([]byte, contract.MaxTokenBytes)
	for i := range long {
		long[i] = 'x'
	}
	for _, token := range []string{"x", "999999999999999999999", "-1", "../../etc", "a'b\"c\x00d\n", "=?=", string(long), "日本語"} {
		page, err := p.List(ctx, &pb.ListRequest{PageSize: 3, PageToken: token})
		switch {
		case err == nil && len(page.GetItems()) > 3:
			t.failf("List of 3 with a token that was never given out answered with %d items", len(page.GetItems()))
		case err != nil && !isOne(err, fault.Internal):
			t.failf("List with a token that was never given out: expected a page or INTERNAL, got %s", told(err))
		}
	}
	if _, err := p.List(ctx, &pb.ListRequest{PageSize: 3}); err != nil {
		return outcome("List after tokens that were never given out", err)
	}
	return nil
}

func continuesAfterRestart(ctx context.Context, t *trial) error {
	first, err := t.configured(ctx)
	if err != nil {
		return err
	}
	refs := t.fill(ctx, first, 6)
	page, err := first.List(ctx, &pb.ListRequest{PageSize: 3})
	first.kill()
	if err != nil {
		return outcome("List", err)
	}
	token, items := page.GetNextPageToken(), page.GetItems()
	if token == "" {
		return skipf("the first page of 3 holds all there is")
	}
	next, err := t.configured(ctx)
	if err != nil {
		return err
	}
	defer next.stop()
	for seen := map[string]bool{}; token != "" && !seen[token]; {
		seen[token] = true
		page, err := next.List(ctx, &pb.ListRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			return outcome("List with the token of the process before", err)
		}
		items, token = append(items, page.GetItems()...), page.GetNextPageToken()
	}
	t.missing(refs, items, "a listing that went on with the next process")
	return nil
}

// missing tells which refs are not among items.
func (t *trial) missing(refs []string, items []*pb.Metadata, of string) {
	for _, ref := range refs {
		if !slices.ContainsFunc(items, func(m *pb.Metadata) bool { return m.GetName() == naming.Name(ref) || m.GetRef() == ref }) {
			t.failf("%s lacks %q, which was there all the time", of, ref)
		}
	}
}

func listsAll(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	refs := t.fill(ctx, p, 9)
	sizes, err := t.pageSizes(ctx, p)
	if err != nil {
		return err
	}
	for _, size := range sizes {
		items, err := p.listAll(ctx, size)
		if err != nil && !isEndless(err) {
			return err
		}
		t.missing(refs, items, fmt.Sprintf("a listing in pages of %d", size))
		t.hidden(ctx, p, items, fmt.Sprintf("a listing in pages of %d", size))
	}
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { t.churn(ctx, p, over) })
	for range 3 {
		items, err := p.listAll(ctx, 7)
		if err != nil && !isEndless(err) {
			t.failf("while secrets are written: %w", err)
		}
		t.missing(refs, items, "a listing in pages of 7 while secrets are written")
	}
	close(over)
	wg.Wait()
	return nil
}

// hidden asks for what the run wrote and items lack: most of that was deleted.
func (t *trial) hidden(ctx context.Context, p *plugin, items []*pb.Metadata, of string) {
	listed := map[string]bool{}
	for _, m := range items {
		listed[m.GetName()] = true
	}
	for _, ref := range t.refs() {
		if listed[naming.Name(ref)] {
			continue
		}
		if m, err := p.describe(ctx, ref); err == nil && m.GetRef() == ref && !listed[m.GetName()] {
			t.failf("%s lacks %q, which Describe shows", of, ref)
		}
	}
}

// churn writes and removes other secrets until it is over.
func (t *trial) churn(ctx context.Context, p *plugin, over <-chan struct{}) {
	for i := 0; ctx.Err() == nil; i++ {
		select {
		case <-over:
			return
		default:
		}
		ref := t.ref(fmt.Sprint("churn-", i%8))
		_, _ = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: t.leaks.value(48)})
		if i%2 == 1 && t.claims(facade.Delete) {
			_, _ = p.Delete(ctx, &pb.DeleteRequest{Ref: ref})
		}
	}
}

func claimsCompleteness(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	t.fill(ctx, p, 3)
	sizes, err := t.pageSizes(ctx, p)
	if err != nil {
		return nil // that it lists at all is another rule
	}
	claimed := t.info.Capabilities.Has(facade.ListComplete)
	for _, size := range sizes {
		proved := false
		err := p.pages(ctx, size, func(_ string, page *pb.ListResponse) error {
			proved = page.GetComplete()
			switch {
			case page.GetComplete() && page.GetNextPageToken() != "":
				t.failf("List of %d says complete on a page that is not the last", size)
			case page.GetComplete() && !claimed:
				t.failf("List of %d says complete without the claim LIST_COMPLETE", size)
			}
			return nil
		})
		if err == nil && claimed && !proved {
			t.failf("LIST_COMPLETE is claimed and the last page of a listing of %d without error does not say complete", size)
		}
	}
	return nil
}
