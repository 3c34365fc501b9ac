package rows

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const metadataColumns = "name, ref, protector, key_id, host_id, host_name, version, created, updated, expires, tags"

// pageBytes ends a page early, so that one with many long refs and tags stays
// far below the 4 MiB of a message.
const pageBytes = 2 << 20

// Find returns the row of ref, or [ErrNotFound]. A row under the mapped name goes
// before a legacy one.
func (t *Table) Find(ctx context.Context, ref secret.Ref) (_ Row, err error) {
	ctx, end := t.span(ctx, "SELECT")
	defer func() { end(err) }()
	mapped, legacy, err := t.lookup(ctx, t.db.Read, ref)
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
// names, and whether there are more. Blobs are left out.
func (t *Table) Page(ctx context.Context, after string, size int) (page []Row, more bool, err error) {
	ctx, end := t.span(ctx, "SELECT")
	defer func() { end(err) }()
	found, err := t.db.Read.QueryContext(ctx, t.db.Dialect.SQL(
		"SELECT "+metadataColumns+" FROM IM_Secrets WHERE name > @p1 ORDER BY name"+t.db.Dialect.Limit("@p2")), after, size+1)
	if err != nil {
		return nil, false, fmt.Errorf("list secrets: %w", err)
	}
	defer found.Close()
	bytes := 0
	for found.Next() {
		if len(page) == size || bytes > pageBytes {
			return page, true, nil
		}
		row, tagBytes, err := scan(found)
		if err != nil {
			return nil, false, err
		}
		bytes += len(row.Name) + len(row.Ref) + tagBytes
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
	name := naming.Name(string(ref))
	found, err := q.QueryContext(ctx, t.db.Dialect.SQL(
		"SELECT "+metadataColumns+", blob FROM IM_Secrets WHERE name = @p1 OR (name = @p2 AND protector IS NULL)"), name, string(ref))
	if err != nil {
		return nil, nil, fmt.Errorf("find secret: %w", err)
	}
	defer found.Close()
	for found.Next() {
		var blob []byte
		row, _, err := scan(found, &blob)
		if err != nil {
			return nil, nil, err
		}
		row.Blob = blob
		// Compared here too: SQL Server takes a name with blanks at its end, and in
		// a table of the .NET product one in other letters, for equal.
		switch {
		case row.Name == name && !row.Legacy():
			mapped = &row
		case row.Name == string(ref) && row.Legacy():
			legacy = &row
		}
	}
	return mapped, legacy, found.Err()
}

func scan(found *sql.Rows, more ...any) (row Row, tagBytes int, err error) {
	var ref, kind, keyID, hostID, hostName, tags sql.NullString
	var created, updated, expires productdb.Time
	err = found.Scan(append([]any{&row.Name, &ref, &kind, &keyID, &hostID, &hostName, &row.Number,
		&created, &updated, &expires, &tags}, more...)...)
	if err != nil {
		return Row{}, 0, fmt.Errorf("read a row of IM_Secrets: %w", err)
	}
	row.Ref = secret.Ref(ref.String)
	if kind.String == "" {
		row.Ref = secret.Ref(row.Name)
	}
	row.Sealed.Kind, row.Sealed.KeyID = kind.String, keyID.String
	row.Sealed.HostID, row.Sealed.HostName = hostID.String, hostName.String
	row.Created, row.Updated, row.Expires = created.Time, updated.Time, expires.Time
	if tags.String != "" {
		if err := json.Unmarshal([]byte(tags.String), &row.Tags); err != nil {
			return Row{}, 0, fmt.Errorf("tags in row %s of IM_Secrets: %w", row.Name, err)
		}
	}
	return row, len(tags.String), nil
}
