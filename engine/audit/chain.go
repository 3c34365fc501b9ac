package audit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// AdminChain is the chain of what people did, and [ObjectChain] gives the one of what
// a connector's runs did to its objects.
const AdminChain = "admin"

const objectChains = "objects/"

// ObjectChain returns the name of a connector's chain.
func ObjectChain(connectorID string) string { return objectChains + connectorID }

// end is the newest record of a chain.
type end struct {
	seq  int64
	hash string
}

// hold makes tx the only one that adds to the chain and returns where it ends.
func (l *Log) hold(ctx context.Context, tx *sql.Tx, chain string) (e end, err error) {
	sqlText := l.db.Dialect.SQL
	// The first statement changes the head's row, although nothing in it: from here on
	// other writers wait.
	result, err := tx.ExecContext(ctx, sqlText("UPDATE IM_AuditHeads SET seq = seq WHERE chain = @p1"), chain)
	if err != nil {
		return e, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		if err == nil {
			_, err = tx.ExecContext(ctx, sqlText("INSERT INTO IM_AuditHeads (chain, seq, hash) VALUES (@p1, @p2, @p3)"), chain, 0, start)
		}
		return end{0, start}, err
	}
	err = tx.QueryRowContext(ctx, sqlText("SELECT seq, hash FROM IM_AuditHeads WHERE chain = @p1"), chain).Scan(&e.seq, &e.hash)
	return e, err
}

// move writes where the chain that tx holds ends now.
func (l *Log) move(ctx context.Context, tx *sql.Tx, chain string, e end) error {
	_, err := tx.ExecContext(ctx, l.db.Dialect.SQL("UPDATE IM_AuditHeads SET seq = @p1, hash = @p2 WHERE chain = @p3"), e.seq, e.hash, chain)
	return err
}

// form is what is hashed of a record: the hash before, the version of the form, and
// the fields. Numbers have eight bytes and texts their length before them, so that
// no text can look like two fields. The order of the fields is part of the form.
type form []byte

func newForm(version byte, before string) (form, error) {
	previous, err := hex.DecodeString(before)
	if err != nil || len(previous) != sha256.Size {
		return nil, fmt.Errorf("the hash before is no SHA-256")
	}
	return append(previous, version), nil
}

func (f *form) number(n int64) { *f = binary.BigEndian.AppendUint64(*f, uint64(n)) }

func (f *form) text(s string) {
	f.number(int64(len(s)))
	*f = append(*f, s...)
}

func (f form) sum() string {
	hash := sha256.Sum256(f)
	return hex.EncodeToString(hash[:])
}
