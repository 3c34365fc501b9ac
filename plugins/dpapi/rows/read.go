package rows

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// pageBytes ends a page early, so that one with many long refs and tags stays
// far below the 4 MiB of a message.
const pageBytes = 2 << 20

// pageRows is the largest page that anybody asks for.
const pageRows = 1000

// Find returns the row of ref, or [ErrNotFound]. A row under the mapped name goes
// before a legacy one.
func (t *Table) Find(ctx context.Context, ref secret.Ref) (_ Row, err error) {
	ctx, end := t.span(ctx, "SELECT")
	defer func() { end(err) }()
	// Nearly always there, and a statement of one index and one row.
	name := naming.Name(string(ref))
	mapped, legacy, err := t.among(t.byName.QueryContext(ctx, name))(ref)
	if err == nil && mapped == nil {
		mapped, legacy, err = t.lookup(ctx, t.db.Read, ref)
	}
	switch {
	case err != nil:
		return Row{}, err
	case mapped != nil:
		return *mapped, nil
	case legacy != nil:
		return *legacy, nil
	}
	return Row{}, ErrNotFound
}

// Page returns at most size rows whose names follow after, in the order of
// names, and whether there are more. Blobs and the names of hosts are left out.
func (t *Table) Page(ctx context.Context, after string, size int) (page []Row, more bool, err error) {
	ctx, end := t.span(ctx, "SELECT")
	defer func() { end(err) }()
	found, err := t.db.Read.QueryContext(ctx, t.db.Dialect.SQL(
		"SELECT "+listedColumns+" FROM IM_Secrets WHERE name > @p1 ORDER BY name"+t.db.Dialect.Limit("@p2")), after, size+1)
	if err != nil {
		return nil, false, fmt.Errorf("list secrets: %w", err)
	}
	defer found.Close()
	page = make([]Row, 0, min(size, pageRows))
	scan, bytes := newScanner(found), 0
	for found.Next() {
		if len(page) == size || bytes > pageBytes {
			return page, true, nil
		}
		row, n, err := scan.row()
		if err != nil {
			return nil, false, err
		}
		bytes += n
		page = append(page, row)
	}
	return page, false, found.Err()
}

// Count returns how many secrets there are, and how many of them another host,
// or the .NET product, sealed.
func (t *Table) Count(ctx context.Context, hostID string) (all, foreign int, err error) {
	ctx, end := t.span(ctx, "SELECT")
	defer func() { end(err) }()
	err = t.db.Read.QueryRowContext(ctx, t.db.Dialect.SQL(
		"SELECT COUNT(*), COALESCE(SUM(CASE WHEN host_id = @p1 THEN 0 ELSE 1 END), 0) FROM IM_Secrets"), hostID).Scan(&all, &foreign)
	if err != nil {
		return 0, 0, fmt.Errorf("count secrets: %w", err)
	}
	return all, foreign, nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// lookup returns the row under ref's mapped name and the legacy row of ref, each
// nil when there is none.
func (t *Table) lookup(ctx context.Context, q querier, ref secret.Ref) (mapped, legacy *Row, err error) {
	return t.among(q.QueryContext(ctx, t.db.Dialect.SQL(
		"SELECT "+metadataColumns+", blob FROM IM_Secrets WHERE name = @p1 OR (name = @p2 AND protector IS NULL)"),
		naming.Name(string(ref)), string(ref)))(ref)
}

// among picks the rows of a ref from those that were found.
func (t *Table) among(found *sql.Rows, err error) func(ref secret.Ref) (mapped, legacy *Row, err error) {
	return func(ref secret.Ref) (mapped, legacy *Row, _ error) {
		if err != nil {
			return nil, nil, fmt.Errorf("find secret: %w", err)
		}
		defer found.Close()
		scan := newScanner(found)
		for found.Next() {
			row, _, err := scan.row()
			if err != nil {
				return nil, nil, err
			}
			// Compared here too: SQL Server takes a name with blanks at its end, and in
			// a table of the .NET product one in other letters, for equal.
			switch {
			case row.Name == naming.Name(string(ref)) && !row.Legacy():
				mapped = &row
			case row.Name == string(ref) && row.Legacy():
				legacy = &row
			}
		}
		return mapped, legacy, found.Err()
	}
}
