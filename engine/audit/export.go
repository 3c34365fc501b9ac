package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// exportEnd is the last line of an export. Without it the export would not show
// that records at its end are missing.
type exportEnd struct {
	End struct {
		Seq  int64  `json:"seq"`
		Hash string `json:"hash"`
	} `json:"end"`
}

// maxLine is the longest line of an export: all texts of a record at their
// longest, each byte written as \u00xx, and what surrounds them.
const maxLine = 8*6*MaxText + 4096

// Export writes the log as it is now, one record as JSON in each line, in order,
// and in a last line the record that the log's head names. [VerifyExport] checks
// it. Memory does not grow with the log.
func (l *Log) Export(ctx context.Context, w io.Writer) error {
	var end exportEnd
	var err error
	if end.End.Seq, end.End.Hash, err = l.Head(ctx); err != nil {
		return err
	}
	lines := bufio.NewWriterSize(w, 64<<10)
	enough := errors.New("the head was reached")
	if end.End.Seq > 0 {
		err = l.Records(ctx, 0, func(r Record) error {
			if r.Seq > end.End.Seq {
				return enough
			}
			if err := writeLine(lines, r); err != nil {
				return err
			}
			if r.Seq == end.End.Seq {
				return enough
			}
			return nil
		})
	}
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	if err := writeLine(lines, end); err != nil {
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

// VerifyExport checks what [Log.Export] wrote, without any database. An export
// that was changed or is not whole gives a [*BrokenError] beside what was good
// before it; other errors are those of r.
func VerifyExport(r io.Reader) (Report, error) {
	var v Verifier
	var end *exportEnd
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		next := v.seq + 1
		if end != nil {
			return v.Report(), &BrokenError{next, "there is something behind the line that ends the export"}
		}
		var record Record
		if e := (exportEnd{}); exactly(lines.Bytes(), &e) {
			end = &e
			continue
		}
		if !exactly(lines.Bytes(), &record) {
			return v.Report(), &BrokenError{next, "its line is not as an export writes it"}
		}
		if err := v.Add(record); err != nil {
			return v.Report(), err
		}
	}
	report := v.Report()
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return report, &BrokenError{v.seq + 1, "its line is longer than an export writes any"}
	case err != nil:
		return report, fmt.Errorf("read the export: %w", err)
	case end == nil:
		return report, &BrokenError{v.seq + 1, "the export ends here, without the line that ends one; it is not whole"}
	case end.End.Seq != report.Records || end.End.Hash != report.Hash:
		return report, &BrokenError{end.End.Seq, "the export does not contain the record that its last line names; records at its end were removed or replaced"}
	}
	return report, nil
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
