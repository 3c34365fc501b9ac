package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

var _ provider.Lister = (*Store)(nil)

// List returns the secrets in the order of their names; the token is the last name
// of the page before. One that cannot be read fails the page: a listing that
// leaves something out would make it count as gone.
func (s *Store) List(ctx context.Context, req provider.ListRequest) (secret.Page, error) {
	if req.Token != "" && !secretName.MatchString(req.Token) {
		return secret.Page{}, foreignToken()
	}
	names, err := s.names()
	if err != nil {
		return secret.Page{}, diskFault(ctx, "list the secrets", err)
	}
	var page pageOf
	for _, name := range names {
		if name <= req.Token {
			continue
		}
		m, there, err := s.newest(ctx, name)
		switch {
		case err != nil:
			return secret.Page{}, diskFault(ctx, "list the secrets", err)
		case there && page.full(req.Size, m):
			return page.upTo(page.Items[len(page.Items)-1].Name), nil
		case there:
			page.add(m)
		}
	}
	return page.last(), nil
}

// names are the folders of secrets, sorted.
func (s *Store) names() ([]string, error) {
	found, err := os.ReadDir(s.folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range found {
		if secretName.MatchString(f.Name()) {
			names = append(names, f.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// newest returns the metadata of what is in the folder name, if it is not deleted.
func (s *Store) newest(ctx context.Context, name string) (m secret.Metadata, there bool, err error) {
	for range maxTries {
		if ctx.Err() != nil {
			return m, false, ctx.Err()
		}
		e, err := s.look(name)
		if err != nil || !e.there() {
			return m, false, err
		}
		r, err := readRecord(filepath.Join(s.folder, name), e.current(), false)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return r.metadata(), true, err
	}
	return m, false, errors.New("it was purged again and again while it was read: " + name)
}

func foreignToken() error {
	return fault.New(fault.Internal, fault.SourceHost, "the page token is not one of this listing")
}

// maxPageBytes keeps a page of long refs and many tags well below the size of a
// message.
const maxPageBytes = 2 << 20

// pageOf is a page that is being filled.
type pageOf struct {
	secret.Page
	bytes int
}

// full reports whether m has to go on the next page. The first item always fits.
func (p *pageOf) full(size int, m secret.Metadata) bool {
	return len(p.Items) == size || len(p.Items) > 0 && p.bytes+sizeOf(m) > maxPageBytes
}

func (p *pageOf) add(m secret.Metadata) {
	p.Items = append(p.Items, m)
	p.bytes += sizeOf(m)
}

func (p *pageOf) upTo(token string) secret.Page {
	p.Next = token
	return p.Page
}

func (p *pageOf) last() secret.Page {
	p.Complete = true
	return p.Page
}

// sizeOf is about what m takes in a message.
func sizeOf(m secret.Metadata) int {
	n := len(m.Ref) + len(m.Name) + len(m.Version) + 100
	for key, text := range m.Tags {
		n += len(key) + len(text) + 10
	}
	return n
}
