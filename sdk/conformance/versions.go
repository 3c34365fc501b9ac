package conformance

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// versionCases are about stores that keep earlier versions.
func versionCases() []Case {
	needs := []facade.Capability{facade.Versions, facade.Write}
	return []Case{
		{Name: "version-keeps-its-value", Page: "value.md", Level: Versioned, Needs: needs, About: "each of five versions is read by its name", run: keepsVersions},
		{Name: "listversions-items-have-the-ref-that-was-asked", Page: "metadata.md", Level: Versioned, Needs: needs, About: "byte by byte", run: versionsHaveTheRef},
		{Name: "listversions-holds-each-version", Page: "metadata.md", Level: Versioned, Needs: needs, About: "in pages of 1, 2 and 1,000", run: listsVersions},
		{Name: "listversions-begins-with-the-newest", Page: "metadata.md", Level: Versioned, Needs: needs, About: "where the times of the versions tell an order", run: newestFirst},
		{Name: "listversions-of-an-absent-secret-is-not-found", Page: "metadata.md", Level: Versioned, Needs: needs[:1], About: "never an empty page", run: noVersions},
	}
}

// versions makes a secret with five of them, oldest first.
func (t *trial) versions(ctx context.Context) (p *plugin, ref string, names []string, values [][]byte, err error) {
	if p, err = t.plugin(ctx); err != nil {
		return
	}
	ref = t.ref("a")
	for i := range 5 {
		value := t.leaks.value(48 + i)
		var m *pb.Metadata
		if m, err = p.set(ctx, ref, value); err != nil {
			return
		}
		names, values = append(names, m.GetVersion()), append(values, value)
	}
	return
}

// listVersions returns every item.
func (p *plugin) listVersions(ctx context.Context, ref string, size uint32) (items []*pb.Metadata, err error) {
	token, seen := "", map[string]bool{}
	for {
		page, err := p.ListVersions(ctx, &pb.ListVersionsRequest{Ref: ref, PageSize: size, PageToken: token})
		if err != nil {
			return nil, outcome("ListVersions", err)
		}
		if n := len(page.GetItems()); n > int(size) {
			return nil, fmt.Errorf("ListVersions of %d answered with %d items", size, n)
		}
		items = append(items, page.GetItems()...)
		token = page.GetNextPageToken()
		if page.GetComplete() && token != "" {
			return nil, fmt.Errorf("ListVersions of %d says complete on a page that is not the last", size)
		}
		if token == "" {
			return items, nil
		}
		if seen[token] {
			return nil, fmt.Errorf("ListVersions of %d gives out a token that it gave out before, expected the listing to end", size)
		}
		seen[token] = true
	}
}

func keepsVersions(ctx context.Context, t *trial) error {
	p, ref, names, values, err := t.versions(ctx)
	if err != nil {
		return err
	}
	for i, name := range names {
		got, _, err := p.get(ctx, ref, name)
		if err != nil {
			t.failf("version %d of %d: %w", i+1, len(names), err)
			continue
		}
		if d := differ(got, values[i]); d != "" {
			t.failf("version %d of %d: %s", i+1, len(names), d)
		}
	}
	return nil
}

func versionsHaveTheRef(ctx context.Context, t *trial) error {
	p, ref, _, _, err := t.versions(ctx)
	if err != nil {
		return err
	}
	items, err := p.listVersions(ctx, ref, 1000)
	for _, m := range items {
		if m.GetRef() != ref {
			t.failf("ListVersions of %q has an item with the ref %q", ref, m.GetRef())
		}
	}
	return err
}

func listsVersions(ctx context.Context, t *trial) error {
	p, ref, names, _, err := t.versions(ctx)
	if err != nil {
		return err
	}
	for _, size := range []uint32{1000, 2, 1} {
		items, err := p.listVersions(ctx, ref, size)
		if err != nil {
			return err
		}
		for i, name := range names {
			if !slices.ContainsFunc(items, func(m *pb.Metadata) bool { return m.GetVersion() == name }) {
				t.failf("a listing in pages of %d lacks version %d of %d", size, i+1, len(names))
			}
		}
	}
	return nil
}

func newestFirst(ctx context.Context, t *trial) error {
	p, ref, _, _, err := t.versions(ctx)
	if err != nil {
		return err
	}
	items, err := p.listVersions(ctx, ref, 1000)
	if err != nil {
		return nil // another rule's matter
	}
	for i := 1; i < len(items); i++ {
		before, after := changed(items[i-1]), changed(items[i])
		if before.IsValid() && after.IsValid() && before.AsTime().Before(after.AsTime()) {
			return fmt.Errorf("item %d was made before item %d, expected the newest first", i, i+1)
		}
	}
	return nil
}

// changed is when a version was made: the last change of it that the store knows.
func changed(m *pb.Metadata) *timestamppb.Timestamp {
	if m.GetUpdated() != nil {
		return m.GetUpdated()
	}
	return m.GetCreated()
}

func noVersions(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	_, err = p.ListVersions(ctx, &pb.ListVersionsRequest{Ref: t.ref("absent"), PageSize: 10})
	return want("ListVersions of a secret that is not there", err, fault.NotFound)
}
