package audit

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// ObjectKind says what a record of a connector's chain tells.
type ObjectKind string

// The kinds.
const (
	// RunStarted and RunEnded have one JSON object about the run.
	RunStarted ObjectKind = "started"
	RunEnded   ObjectKind = "ended"
	// ObjectsChanged has an [ObjectChange] a line: what one transaction of the run
	// did.
	ObjectsChanged ObjectKind = "changed"
)

// ObjectRecord is a record of a connector's chain.
type ObjectRecord struct {
	Connector string `json:"connector"`
	// Seq counts from 1 without a gap within the connector.
	Seq int64 `json:"seq"`
	// Time in UTC, whole microseconds.
	Time time.Time  `json:"time"`
	Run  string     `json:"run"`
	Kind ObjectKind `json:"kind"`
	// Body is JSON, as it was hashed.
	Body string `json:"body"`
	// Hash is the SHA-256 of the hash before and of this record, in hexadecimal
	// digits.
	Hash string `json:"hash"`
}

// ObjectChange is what happened to one object. It has the names of the attributes
// that changed and never a value: nobody could take a value out of a chain again.
type ObjectChange struct {
	Anchor string `json:"anchor"`
	// Type of the object, where it was read.
	Type string `json:"type,omitempty"`
	// TypeBefore is set when it was another one.
	TypeBefore string `json:"typeBefore,omitempty"`
	// Change is "added", "updated", "returned" or "absent".
	Change string `json:"change"`
	// Attributes that the object has now with other values than before, or no longer.
	Attributes []string `json:"attributes,omitempty"`
	// More is how many others there are that are not named.
	More int `json:"more,omitempty"`
	// Content is the hash of type and attributes after the change.
	Content string `json:"content,omitempty"`
	// Previous is the Seq of the record of the object's change before; 0 when there
	// is none.
	Previous int64 `json:"previous,omitempty"`
}

// objectForm is the first byte of the canonical form of an [ObjectRecord], and sets
// it apart from that of a [Record].
const objectForm = 2

func (r ObjectRecord) sum(before string) (string, error) {
	f, err := newForm(objectForm, before)
	if err != nil {
		return "", err
	}
	f.text(r.Connector)
	f.number(r.Seq)
	f.number(r.Time.UnixMicro())
	f.text(r.Run)
	f.text(string(r.Kind))
	f.text(r.Body)
	return f.sum(), nil
}

// ObjectWriter adds to a connector's chain in somebody's transaction, which is the
// only one that does until it ends. It is good for one try of the transaction.
type ObjectWriter struct {
	log       *Log
	tx        *sql.Tx
	connector string
	end       end
}

// Objects begins to add to the chain of a connector.
func (l *Log) Objects(ctx context.Context, tx *sql.Tx, connectorID string) (*ObjectWriter, error) {
	e, err := l.hold(ctx, tx, ObjectChain(connectorID))
	if err != nil {
		return nil, fmt.Errorf("lock the audit chain of the connector: %w", err)
	}
	return &ObjectWriter{l, tx, connectorID, e}, nil
}

// Next is the Seq of the record that is added next.
func (w *ObjectWriter) Next() int64 { return w.end.seq + 1 }

// Add adds a record.
func (w *ObjectWriter) Add(ctx context.Context, runID string, kind ObjectKind, body []byte) error {
	r := ObjectRecord{Connector: w.connector, Seq: w.Next(), Time: productdb.Cut(w.log.now()), Run: runID, Kind: kind, Body: string(body)}
	hash, err := r.sum(w.end.hash)
	if err == nil {
		_, err = w.tx.ExecContext(ctx, w.log.db.Dialect.SQL("INSERT INTO IM_ObjectAudit (connector_id, "+objectColumns+
			") VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7)"),
			r.Connector, r.Seq, w.log.db.Dialect.Time(r.Time), r.Run, string(r.Kind), body, hash)
	}
	if err == nil {
		w.end = end{r.Seq, hash}
		err = w.log.move(ctx, w.tx, ObjectChain(w.connector), w.end)
	}
	if err != nil {
		return fmt.Errorf("record in the audit chain of the connector: %w", err)
	}
	return nil
}

const objectColumns = "seq, at, run_id, kind, body, hash"

func (l *Log) readObjects(ctx context.Context, connectorID, query string, args ...any) (list []ObjectRecord, err error) {
	rows, err := l.db.Read.QueryContext(ctx, l.db.Dialect.SQL(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r := ObjectRecord{Connector: connectorID}
		var at productdb.Time
		var body sql.RawBytes
		if err := rows.Scan(&r.Seq, &at, &r.Run, &r.Kind, &body, &r.Hash); err != nil {
			return nil, err
		}
		r.Time, r.Body = at.Time, string(body)
		list = append(list, r)
	}
	return list, rows.Err()
}

// ErrNoChange: the record is not there, any more perhaps, or tells nothing of the
// object.
var ErrNoChange = errors.New("no such change of the object is recorded")

// ObjectChange returns what a record of a connector's chain tells of one object, and
// the record without its body. [ErrNoChange].
func (l *Log) ObjectChange(ctx context.Context, connectorID string, seq int64, anchor string) (c ObjectChange, r ObjectRecord, err error) {
	list, err := l.readObjects(ctx, connectorID, "SELECT "+objectColumns+" FROM IM_ObjectAudit WHERE connector_id = @p1 AND seq = @p2", connectorID, seq)
	if err != nil {
		return c, r, fmt.Errorf("read the audit chain of the connector: %w", err)
	}
	if len(list) == 0 || list[0].Kind != ObjectsChanged {
		return c, r, ErrNoChange
	}
	r = list[0]
	body := []byte(r.Body)
	r.Body = ""
	for len(body) > 0 {
		line := body
		if end := bytes.IndexByte(body, '\n'); end >= 0 {
			line, body = body[:end], body[end+1:]
		} else {
			body = nil
		}
		if !beginsWithAnchor(line, anchor) {
			continue
		}
		if err := json.Unmarshal(line, &c); err != nil {
			return c, r, fmt.Errorf("record %d of the connector's audit chain: %w", seq, err)
		}
		return c, r, nil
	}
	return c, r, ErrNoChange
}

// beginsWithAnchor reports whether a line of changes is about the anchor.
func beginsWithAnchor(line []byte, anchor string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(`{"anchor":`))
	if !ok {
		return false
	}
	if text, _, ok := bytes.Cut(rest[min(1, len(rest)):], []byte{'"'}); ok && !bytes.ContainsRune(text, '\\') {
		return string(text) == anchor // nothing is escaped, which decoding would be slower to tell
	}
	var found string
	return json.NewDecoder(bytes.NewReader(rest)).Decode(&found) == nil && found == anchor
}

// ObjectHead returns the number of the newest record of a connector's chain.
func (l *Log) ObjectHead(ctx context.Context, connectorID string) (int64, error) {
	e, err := l.head(ctx, ObjectChain(connectorID))
	return e.seq, err
}
