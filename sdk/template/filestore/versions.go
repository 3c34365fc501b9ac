package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

var _ provider.Versioner = (*Store)(nil)

// ListVersions returns the versions of ref, the newest first; the token is the last
// version of the page before.
func (s *Store) ListVersions(ctx context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error) {
	tried := "list the versions of " + string(ref)
	if req.Token != "" && !versionName.MatchString(req.Token) {
		return secret.Page{}, foreignToken()
	}
	e, err := s.look(naming.Name(string(ref)))
	if err != nil {
		return secret.Page{}, diskFault(ctx, tried, err)
	}
	if err := e.mustBeThere(ref); err != nil {
		return secret.Page{}, err
	}
	var page pageOf
	for _, version := range slices.Backward(e.versions) {
		if req.Token != "" && version >= req.Token {
			continue
		}
		if err := ctx.Err(); err != nil {
			return secret.Page{}, diskFault(ctx, tried, err)
		}
		r, err := readRecord(filepath.Join(s.folder, e.name), version, false)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("it was purged meanwhile: %w", err)
		}
		if err != nil {
			return secret.Page{}, diskFault(ctx, tried, err)
		}
		m := r.metadata()
		if page.full(req.Size, m) {
			return page.upTo(string(page.Items[len(page.Items)-1].Version)), nil
		}
		page.add(m)
	}
	return page.last(), nil
}
