package rows

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
)

// A page of [Table.Outdated] ends at either, so that a pass over any number of
// secrets takes the same memory, and its transaction does not hold others up.
const (
	outdatedRows  = 100
	outdatedBytes = 2 << 20
)

// Outdated returns rows with their blobs that the host of newest sealed with
// another key than newest's, in the order of their names and after the given one,
// and whether there may be more.
func (t *Table) Outdated(ctx context.Context, newest protector.Identity, after string) (page []Row, more bool, err error) {
	ctx, end := t.span(ctx, "SELECT")
	defer func() { end(err) }()
	found, err := t.db.Read.QueryContext(ctx, t.db.Dialect.SQL(
		"SELECT "+metadataColumns+", blob FROM IM_Secrets WHERE protector = @p1 AND host_id = @p2 AND key_id <> @p3 AND name > @p4 ORDER BY name"+
			t.db.Dialect.Limit("@p5")), newest.Kind, newest.HostID, newest.KeyID, after, outdatedRows)
	if err != nil {
		return nil, false, fmt.Errorf("find secrets of older keys: %w", err)
	}
	defer found.Close()
	scan := newScanner(found)
	for bytes := 0; found.Next(); {
		row, n, err := scan.row()
		if err != nil {
			return nil, false, err
		}
		page = append(page, row)
		if bytes += n + len(row.Blob); bytes > outdatedBytes {
			return page, true, nil
		}
	}
	return page, len(page) == outdatedRows, found.Err()
}

// CountOutdated returns how many rows [Table.Outdated] has.
func (t *Table) CountOutdated(ctx context.Context, newest protector.Identity) (n int, err error) {
	ctx, end := t.span(ctx, "SELECT")
	defer func() { end(err) }()
	err = t.db.Read.QueryRowContext(ctx, t.db.Dialect.SQL(
		"SELECT COUNT(*) FROM IM_Secrets WHERE protector = @p1 AND host_id = @p2 AND key_id <> @p3"),
		newest.Kind, newest.HostID, newest.KeyID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count secrets of older keys: %w", err)
	}
	return n, nil
}

// Resealed is a row whose value was sealed again.
type Resealed struct {
	// Row is as it was read.
	Row Row
	// Blob is of the key KeyID.
	Blob  []byte
	KeyID string
}

// Reseal stores the new blobs of rows that nobody has changed since they were
// read, all of them or none, and returns how many those are. Versions and times
// stay: the values do.
func (t *Table) Reseal(ctx context.Context, resealed []Resealed) (stored int, err error) {
	ctx, end := t.span(ctx, "UPDATE")
	defer func() { end(err) }()
	err = t.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		stored = 0
		update, err := tx.PrepareContext(ctx, t.db.Dialect.SQL(
			"UPDATE IM_Secrets SET blob = @p1, key_id = @p2 WHERE name = @p3 AND version = @p4 AND key_id = @p5"))
		if err != nil {
			return fmt.Errorf("store secrets of a new key: %w", err)
		}
		defer update.Close()
		for _, r := range resealed {
			result, err := update.ExecContext(ctx, r.Blob, r.KeyID, r.Row.Name, r.Row.Number, r.Row.Sealed.KeyID)
			if err != nil {
				return fmt.Errorf("store secrets of a new key: %w", err)
			}
			n, err := result.RowsAffected()
			if err != nil {
				return fmt.Errorf("store secrets of a new key: %w", err)
			}
			stored += int(n)
		}
		return nil
	})
	return stored, err
}

// ByKey returns how many rows of a host each of its keys sealed.
func (t *Table) ByKey(ctx context.Context, host protector.Identity) (counts map[string]int, err error) {
	ctx, end := t.span(ctx, "SELECT")
	defer func() { end(err) }()
	found, err := t.db.Read.QueryContext(ctx, t.db.Dialect.SQL(
		"SELECT COALESCE(key_id, ''), COUNT(*) FROM IM_Secrets WHERE protector = @p1 AND host_id = @p2 GROUP BY key_id"), host.Kind, host.HostID)
	if err != nil {
		return nil, fmt.Errorf("count the secrets of each key: %w", err)
	}
	defer found.Close()
	counts = map[string]int{}
	for found.Next() {
		var key string
		var n int
		if err := found.Scan(&key, &n); err != nil {
			return nil, fmt.Errorf("count the secrets of each key: %w", err)
		}
		counts[key] += n
	}
	return counts, found.Err()
}
