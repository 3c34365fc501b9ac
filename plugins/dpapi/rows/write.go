package rows

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// errLostRace: another writer was faster, and nothing was written. It is the only
// outcome after which a write is tried again.
var errLostRace = errors.New("another writer was faster")

// putTries is far more than writers of one secret ever need: each loss means
// that another one was written.
const putTries = 100

// Put stores Blob, Sealed, Expires and Tags of row under row.Ref and returns the
// row as it stands then. The other fields of row are not used.
//
// With expected, the ref must be at that version, or have no row when that is
// empty; else [*ConflictError] or [ErrExists]. Without it, writers that meet are
// applied one after the other. A legacy row of the ref is replaced.
func (t *Table) Put(ctx context.Context, row Row, expected *secret.Version) (_ Row, err error) {
	ctx, end := t.span(ctx, "UPDATE")
	defer func() { end(err) }()
	row.Name = naming.Name(string(row.Ref))
	row.Expires = productdb.Cut(row.Expires)
	tags, err := marshalTags(row.Tags)
	if err != nil {
		return Row{}, err
	}
	for try := 1; ; try++ {
		var stored Row
		err := t.db.InWriteTx(ctx, func(tx *sql.Tx) (err error) {
			stored, err = t.put(ctx, tx, row, tags, expected)
			return err
		})
		switch {
		case err == nil:
			return stored, nil
		case !errors.Is(err, errLostRace):
			return Row{}, err
		case ctx.Err() != nil:
			return Row{}, errors.Join(ctx.Err(), err)
		case try == putTries:
			return Row{}, fmt.Errorf("gave up after %d tries: %w", try, err)
		}
	}
}

func (t *Table) put(ctx context.Context, tx *sql.Tx, row Row, tags sql.NullString, expected *secret.Version) (Row, error) {
	mapped, legacy, err := t.lookup(ctx, tx, row.Ref)
	if err != nil {
		return Row{}, err
	}
	current := mapped
	if current == nil {
		current = legacy
	}
	if err := check(current, expected); err != nil {
		return Row{}, err
	}
	row.Updated = productdb.Cut(t.now())
	if mapped == nil {
		// A row that is deleted and made again must not repeat a version that a
		// caller may still expect; microseconds are ahead of any count of sets.
		row.Number, row.Created = row.Updated.UnixMicro(), row.Updated
		err = t.insert(ctx, tx, row, tags)
	} else {
		row.Number, row.Created = mapped.Number+1, mapped.Created
		err = t.update(ctx, tx, row, tags, mapped.Number)
	}
	if err != nil {
		return Row{}, err
	}
	if legacy != nil {
		if err := t.remove(ctx, tx, legacy.Name); err != nil {
			return Row{}, err
		}
	}
	return row, nil
}

func check(current *Row, expected *secret.Version) error {
	switch {
	case expected == nil:
		return nil
	case *expected == "" && current != nil:
		return ErrExists
	case *expected == "":
		return nil
	case current == nil:
		return &ConflictError{Expected: *expected}
	case current.Version() != *expected:
		return &ConflictError{Expected: *expected, Current: current.Version()}
	}
	return nil
}

func (t *Table) insert(ctx context.Context, tx *sql.Tx, row Row, tags sql.NullString) error {
	_, err := tx.ExecContext(ctx, t.db.Dialect.SQL(
		"INSERT INTO IM_Secrets (blob, protector, key_id, host_id, host_name, version, created, updated, expires, tags, ref, name) "+
			"VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12)"),
		append(t.values(row, tags), string(row.Ref), row.Name)...)
	if productdb.IsUniqueViolation(err) {
		return errLostRace
	}
	if err != nil {
		return fmt.Errorf("insert secret: %w", err)
	}
	return nil
}

func (t *Table) update(ctx context.Context, tx *sql.Tx, row Row, tags sql.NullString, from int64) error {
	result, err := tx.ExecContext(ctx, t.db.Dialect.SQL(
		"UPDATE IM_Secrets SET blob = @p1, protector = @p2, key_id = @p3, host_id = @p4, host_name = @p5, version = @p6, "+
			"created = @p7, updated = @p8, expires = @p9, tags = @p10 WHERE name = @p11 AND version = @p12"),
		append(t.values(row, tags), row.Name, from)...)
	if err != nil {
		return fmt.Errorf("update secret: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errLostRace
}

func (t *Table) values(row Row, tags sql.NullString) []any {
	at := t.db.Dialect.Time
	return []any{row.Blob, row.Sealed.Kind, row.Sealed.KeyID, row.Sealed.HostID, row.Sealed.HostName,
		row.Number, at(row.Created), at(row.Updated), at(row.Expires), tags}
}

// Delete removes every row of ref, or returns [ErrNotFound].
func (t *Table) Delete(ctx context.Context, ref secret.Ref) (err error) {
	ctx, end := t.span(ctx, "DELETE")
	defer func() { end(err) }()
	return t.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		mapped, legacy, err := t.lookup(ctx, tx, ref)
		if err != nil {
			return err
		}
		if mapped == nil && legacy == nil {
			return ErrNotFound
		}
		for _, row := range []*Row{mapped, legacy} {
			if row == nil {
				continue
			}
			if err := t.remove(ctx, tx, row.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *Table) remove(ctx context.Context, tx *sql.Tx, name string) error {
	if _, err := tx.ExecContext(ctx, t.db.Dialect.SQL("DELETE FROM IM_Secrets WHERE name = @p1"), name); err != nil {
		return fmt.Errorf("delete secret: %w", err)
	}
	return nil
}

// errProbed makes a transaction go back that only tried.
var errProbed = errors.New("probed")

// ProbeWrite tries to insert, change and delete a row and undoes it all.
func (t *Table) ProbeWrite(ctx context.Context) error {
	probe := Row{Name: "write-probe", Ref: "write-probe", Blob: []byte{0}, Number: 1}
	probe.Sealed.Kind = "probe"
	err := t.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		if err := t.insert(ctx, tx, probe, sql.NullString{}); err != nil {
			return err
		}
		if err := t.update(ctx, tx, probe, sql.NullString{}, probe.Number); err != nil {
			return err
		}
		if err := t.remove(ctx, tx, probe.Name); err != nil {
			return err
		}
		return errProbed
	})
	if errors.Is(err, errProbed) {
		return nil
	}
	return err
}

// marshalTags returns NULL for none. The order of keys is fixed by the encoder.
func marshalTags(tags map[string]string) (sql.NullString, error) {
	if len(tags) == 0 {
		return sql.NullString{}, nil
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return sql.NullString{}, fmt.Errorf("tags: %w", err)
	}
	return sql.NullString{String: string(text), Valid: true}, nil
}
