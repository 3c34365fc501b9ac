package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// How pages are read and written differs by dialect. SQLite is fastest with
// prepared statements of some rows each; SQL Server with one statement a page,
// whose rows are one JSON parameter, because each statement is a journey.

// anchorJSON is an element of OPENJSON as an anchor that compares exactly.
const anchorJSON = "CAST(j.value AS nvarchar(800)) COLLATE Latin1_General_100_BIN2"

// lookUpSQL returns the statement that gives position, id, present and hash of
// those anchors of the JSON array @p2 that the connector @p1 has, and, whole, what
// else is compared; see [stored].
func (s *Store) lookUpSQL(whole bool) string {
	more := ""
	if whole {
		more = ", o.audit_seq, o.object_type, o.attributes"
	}
	if s.db.Dialect == productdb.SQLite {
		// CROSS JOIN keeps SQLite from turning the order of the tables around.
		return `SELECT j.key, o.id, o.present, o.content_hash` + more + ` FROM json_each(@p2) AS j
			CROSS JOIN IM_ManagementSpaceObjects AS o WHERE o.connector_id = @p1 AND o.anchor = j.value`
	}
	return `SELECT CAST(j.[key] AS int), o.id, o.present, o.content_hash` + more + ` FROM OPENJSON(@p2) AS j
		INNER JOIN IM_ManagementSpaceObjects AS o ON o.connector_id = @p1 AND o.anchor = ` + anchorJSON + `
		AND o.anchor_bytes = DATALENGTH(CAST(j.value AS nvarchar(800)))`
}

// numbers returns a subquery of the numbers of a JSON array.
func (s *Store) numbers(parameter string) string {
	if s.db.Dialect == productdb.SQLite {
		return "SELECT value FROM json_each(" + parameter + ")"
	}
	return "SELECT CAST(value AS bigint) FROM OPENJSON(" + parameter + ")"
}

// write stores the page's new and changed objects, marks those that are gone, and
// tells the audit chain.
func (i *Import) write(ctx context.Context, tx *sql.Tx) error {
	p := &i.page
	if len(p.inserts)+len(p.updates)+len(p.absent) == 0 {
		return nil
	}
	chain, err := i.store.audit.Objects(ctx, tx, i.cfg.Lease.ConnectorID)
	if err != nil {
		return err
	}
	if err := i.compare(ctx, tx); err != nil {
		return err
	}
	if i.store.fast != nil {
		err = i.writeSQLite(ctx, tx, chain.Next())
	} else {
		err = i.writeSQLServer(ctx, tx, chain.Next())
	}
	if err != nil {
		return err
	}
	if err := i.setAbsent(ctx, tx, chain.Next()); err != nil {
		return err
	}
	p.tell()
	return chain.Add(ctx, i.cfg.RunID, audit.ObjectsChanged, p.told)
}

// rowsPerInsert is where more rows a statement stop making SQLite faster.
const rowsPerInsert = 20

// sqliteStatements are prepared once, on the one connection that writes.
type sqliteStatements struct{ insertMany, insertOne, update *sql.Stmt }

func prepareSQLite(ctx context.Context, db *sql.DB) (*sqliteStatements, error) {
	var f sqliteStatements
	for _, p := range []struct {
		into **sql.Stmt
		text string
	}{
		{&f.insertMany, insertSQLite(rowsPerInsert)},
		{&f.insertOne, insertSQLite(1)},
		{&f.update, `UPDATE IM_ManagementSpaceObjects SET last_run_id = ?, last_changed = ?, object_type = ?, content_hash = ?,
			attributes = ?, audit_seq = ?, present = 1, absent_since = NULL WHERE id = ?`},
	} {
		var err error
		if *p.into, err = db.PrepareContext(ctx, p.text); err != nil {
			f.close()
			return nil, err
		}
	}
	return &f, nil
}

func (f *sqliteStatements) close() {
	for _, s := range []*sql.Stmt{f.insertMany, f.insertOne, f.update} {
		if s != nil {
			_ = s.Close() // the database is being closed anyway
		}
	}
}

// insertSQLite has the four parameters that all rows share first, then four a row.
func insertSQLite(rows int) string {
	return `INSERT INTO IM_ManagementSpaceObjects (connector_id, last_run_id, first_seen, last_changed, audit_seq, present,
		anchor, object_type, content_hash, attributes) VALUES ` +
		strings.Repeat("(?1, ?2, ?3, ?3, ?4, 1, ?, ?, ?, ?), ", rows-1) + "(?1, ?2, ?3, ?3, ?4, 1, ?, ?, ?, ?)"
}

func (i *Import) writeSQLite(ctx context.Context, tx *sql.Tx, seq int64) error {
	p, s := &i.page, i.store
	now := s.db.Dialect.Time(s.now())
	// The driver watches a cancelable context with a goroutine for each statement;
	// the transaction watches it for all of them.
	quiet := context.WithoutCancel(ctx)
	many, one := tx.StmtContext(quiet, s.fast.insertMany), tx.StmtContext(quiet, s.fast.insertOne)
	args := make([]any, 0, 4+4*rowsPerInsert)
	for rest := p.inserts; len(rest) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		statement, n := one, 1
		if len(rest) >= rowsPerInsert {
			statement, n = many, rowsPerInsert
		}
		args = append(args[:0], i.cfg.Lease.ConnectorID, i.cfg.RunID, now, seq)
		for _, c := range rest[:n] {
			args = append(args, c.object.Anchor, c.object.Type, c.hash[:], c.attributes)
		}
		if _, err := statement.ExecContext(quiet, args...); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		s.cfg.OnStatement("insert objects", n)
		rest = rest[n:]
	}
	update := tx.StmtContext(quiet, s.fast.update)
	for _, c := range p.updates {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := update.ExecContext(quiet, i.cfg.RunID, now, c.object.Type, c.hash[:], c.attributes, seq, c.id); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		s.cfg.OnStatement("update objects", 1)
	}
	return nil
}

const (
	// The rows travel as an array of objects: i id, a anchor, t type, h hash in
	// hex, j attributes.
	insertSQLServer = `INSERT INTO IM_ManagementSpaceObjects (connector_id, anchor, anchor_bytes, object_type, present,
		first_seen, last_changed, last_run_id, audit_seq, content_hash, attributes)
		SELECT @p1, j.a, DATALENGTH(j.a), j.t, 1, @p2, @p2, @p3, @p5, CONVERT(binary(32), j.h, 2), j.j
		FROM OPENJSON(@p4) WITH (a nvarchar(800) '$.a', t nvarchar(256) '$.t', h varchar(64) '$.h', j nvarchar(max) '$.j') AS j`
	updateSQLServer = `UPDATE o SET o.last_run_id = @p1, o.last_changed = @p2, o.audit_seq = @p4, o.object_type = j.t,
		o.content_hash = CONVERT(binary(32), j.h, 2), o.attributes = j.j, o.present = 1, o.absent_since = NULL
		FROM IM_ManagementSpaceObjects AS o INNER JOIN OPENJSON(@p3)
		WITH (i bigint '$.i', t nvarchar(256) '$.t', h varchar(64) '$.h', j nvarchar(max) '$.j') AS j ON o.id = j.i`
)

func (i *Import) writeSQLServer(ctx context.Context, tx *sql.Tx, seq int64) error {
	p, s, now := &i.page, i.store, i.store.now()
	if len(p.inserts) > 0 {
		if _, err := s.exec(ctx, tx, "insert objects", insertSQLServer,
			i.cfg.Lease.ConnectorID, now, i.cfg.RunID, changesJSON(p.inserts), seq); err != nil {
			return err
		}
	}
	if len(p.updates) > 0 {
		if _, err := s.exec(ctx, tx, "update objects", updateSQLServer, i.cfg.RunID, now, changesJSON(p.updates), seq); err != nil {
			return err
		}
	}
	return nil
}

func changesJSON(list []change) string {
	b := []byte{'['}
	for n, c := range list {
		if n > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"i":`...), c.id, 10)
		b = appendText(append(b, `,"a":`...), c.object.Anchor)
		b = appendText(append(b, `,"t":`...), c.object.Type)
		b = hex.AppendEncode(append(b, `,"h":"`...), c.hash[:])
		b = appendText(append(b, `","j":`...), c.attributes)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}
