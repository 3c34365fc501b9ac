package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// exportEnd is the last line of an export. Without it the export would not show
// that records at its end are missing.
type exportEnd struct {
	End struct {
		Seq  int64  `json:"seq"`
		Hash string `json:"hash"`
	} `json:"end"`
}

// maxLine is the longest line of an export. That of a record of what people did is
// short, with all texts at their longest, each byte written as \u00xx; one about a
// page of objects is as long as connectors make pages.
const maxLine = 256 << 20

// exportBegin is the first line of an export whose chain begins behind records that
// were removed.
type exportBegin struct {
	Checkpoint Checkpoint `json:"checkpoint"`
}

// Export writes the chain of what people did as it is now, one record as JSON in each
// line, in order, before them the checkpoint if records were removed, and in a last
// line the record that the chain's head names. [VerifyExport] checks it. Memory does
// not grow with the log.
func (l *Log) Export(ctx context.Context, w io.Writer) error { return l.export(ctx, AdminChain, w) }

// ExportObjects does the same with the chain of a connector.
func (l *Log) ExportObjects(ctx context.Context, connectorID string, w io.Writer) error {
	return l.export(ctx, ObjectChain(connectorID), w)
}

func (l *Log) export(ctx context.Context, chain string, w io.Writer) error {
	head, err := l.head(ctx, chain)
	if err != nil {
		return err
	}
	lines := bufio.NewWriterSize(w, 64<<10)
	cp, err := l.Checkpoint(ctx, chain)
	if err != nil {
		return err
	}
	after := int64(0)
	if cp != nil {
		after = cp.Seq
		if err := writeLine(lines, exportBegin{*cp}); err != nil {
			return err
		}
	}
	enough := errors.New("the head was reached")
	next, gap := after+1, false
	write := func(seq int64, r any) error {
		if seq > head.seq {
			return enough
		}
		gap = gap || seq != next
		next = seq + 1
		if err := writeLine(lines, r); err != nil {
			return err
		}
		if seq == head.seq {
			return enough
		}
		return nil
	}
	if head.seq > after {
		if connector, ok := strings.CutPrefix(chain, objectChains); ok {
			err = l.ObjectRecords(ctx, connector, after, func(r ObjectRecord) error { return write(r.Seq, r) })
		} else {
			err = l.Records(ctx, after, func(r Record) error { return write(r.Seq, r) })
		}
	}
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	if gap || next <= head.seq {
		// What is missing may have been removed for its age since the first line.
		if now, err := l.Checkpoint(ctx, chain); err != nil {
			return err
		} else if now != nil && (cp == nil || now.Seq != cp.Seq) {
			return fmt.Errorf("export the audit chain %s of %s: old records were removed meanwhile; export it again", chain, l.db.Target)
		}
	}
	var last exportEnd
	last.End.Seq, last.End.Hash = head.seq, head.hash
	if err := writeLine(lines, last); err != nil {
		return err
	}
	return lines.Flush()
}

func writeLine(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// Offline is what an export is checked with.
type Offline struct {
	// Trusted are the public keys by whose word records may have been removed.
	Trusted []string
	// Heads that were written elsewhere; nil for none.
	Heads *Heads
}

// VerifyExport checks what [Log.Export] wrote, without any database, trusting no key.
func VerifyExport(r io.Reader) (Report, error) { return Offline{}.Verify(r) }

// Verify checks what [Log.Export] or [Log.ExportObjects] wrote, without any database.
// An export that was changed or is not whole gives a [*BrokenError] beside what was
// good before it; other errors are those of r.
func (o Offline) Verify(r io.Reader) (Report, error) {
	var last *exportEnd
	v, err := newVerifier(AdminChain, nil, nil, nil)
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for first := true; err == nil && lines.Scan(); first = false {
		if first {
			if v, err = o.begin(lines.Bytes()); err != nil {
				return v.report, err
			}
			if v.end.seq > 0 {
				continue // that was the checkpoint
			}
		}
		next := v.end.seq + 1
		if last != nil {
			return v.report, v.broken(next, "there is something behind the line that ends the export")
		}
		if e := (exportEnd{}); exactly(lines.Bytes(), &e) {
			last = &e
			continue
		}
		record, objects := Record{}, ObjectRecord{}
		switch {
		case v.chain == AdminChain && exactly(lines.Bytes(), &record):
			err = v.add(record)
		case v.chain != AdminChain && exactly(lines.Bytes(), &objects):
			err = v.addObjects(objects)
		default:
			err = v.broken(next, "its line is not as an export writes it")
		}
	}
	if err != nil {
		return v.report, err
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return v.report, v.broken(v.end.seq+1, "its line is longer than an export writes any")
	case err != nil:
		return v.report, fmt.Errorf("read the export: %w", err)
	case last == nil:
		return v.report, v.broken(v.end.seq+1, "the export ends here, without the line that ends one; it is not whole")
	case last.End.Seq != v.end.seq || last.End.Hash != v.end.hash:
		return v.report, v.broken(last.End.Seq, "the export does not contain the record that its last line names; records at its end were removed or replaced")
	}
	return v.report, v.finish()
}

// begin tells by the first line of an export which chain it is and where it begins.
func (o Offline) begin(line []byte) (*verifier, error) {
	var begin exportBegin
	if exactly(line, &begin) {
		return newVerifier(begin.Checkpoint.Chain, &begin.Checkpoint, o.Trusted, o.Heads)
	}
	chain := AdminChain
	if objects := (ObjectRecord{}); exactly(line, &objects) {
		chain = ObjectChain(objects.Connector)
	}
	return newVerifier(chain, nil, o.Trusted, o.Heads)
}

// exactly reads line into v and reports whether v is written as just this line: a
// key that occurs twice or that is unknown could tell a reader something else
// than what was checked.
func exactly(line []byte, v any) bool {
	if json.Unmarshal(line, v) != nil {
		return false
	}
	again, err := json.Marshal(v)
	return err == nil && bytes.Equal(line, again)
}
