package audit

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb/fakeserver"
)

// What is sent to SQL Server is looked at here without one; whether it does there
// what it should is for the suite, on a real server.
func TestEveryStatementForSQLServerIsWellFormed(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	key, err := OpenKey(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	deleted := 0
	server := &fakeserver.Server{Reply: func(text string) fakeserver.Answer {
		row := func(v ...driver.Value) fakeserver.Answer { return fakeserver.Answer{Rows: [][]driver.Value{v}} }
		switch {
		case strings.HasPrefix(text, "UPDATE IM_AuditSources"):
			return fakeserver.Answer{} // it is new, and inserted then
		case !strings.HasPrefix(text, "SELECT"):
			return fakeserver.Answer{Affected: 1}
		case text == "SELECT chain FROM IM_AuditHeads", strings.HasPrefix(text, "SELECT DISTINCT"):
			return row("objects/c")
		case strings.HasPrefix(text, "SELECT done"):
			return row(int64(0))
		case strings.HasPrefix(text, "SELECT MAX(seq)"):
			return row(nil)
		case strings.HasPrefix(text, "SELECT MIN(seq)"):
			if deleted++; deleted > 2 {
				return row(nil)
			}
			return row(int64(1))
		case strings.HasPrefix(text, "SELECT at FROM"):
			return row(at)
		case strings.HasPrefix(text, "SELECT chain, seq"):
			return row(AdminChain, int64(1), start)
		case strings.Contains(text, "FROM IM_AuditHeads"):
			return row(int64(1), start)
		case strings.Contains(text, "FROM IM_AuditCheckpoints"):
			if deleted == 0 {
				return fakeserver.Answer{}
			}
			return row(int64(1), start, at, key.Public(), "")
		case strings.Contains(text, "FROM IM_ObjectAudit"):
			return fakeserver.Answer{}
		}
		return row(int64(1), at, "intent", int64(0), "a", "", "", "x", "", "", "", "", start)
	}}
	log := &Log{db: server.DB(), now: func() time.Time { return at }}
	var op *Operation
	op, err = log.Begin(t.Context(), Entry{Actor: "a", Action: "x"})
	if err == nil {
		err = op.End(t.Context(), nil, "")
	}
	if err == nil {
		_, err = log.Search(t.Context(), Filter{Actor: "a", Action: "x", Outcome: "OK", TargetPrefix: "t\U0001F511", From: at, To: at, After: 7}, 5)
	}
	if err == nil {
		_, err = log.Search(t.Context(), Filter{}, 5)
	}
	if err == nil {
		err = log.Export(t.Context(), io.Discard)
	}
	if err == nil {
		err = log.ExportObjects(t.Context(), "c", io.Discard)
	}
	if err == nil {
		_, err = log.due(t.Context(), Retention{Admin: at, Objects: at.Add(time.Hour)})
	}
	for _, chain := range []string{AdminChain, ObjectChain("c")} {
		if err == nil {
			err = log.sign(t.Context(), chain, end{1, start}, nil, key)
			deleted = 1
		}
		if err == nil {
			_, err = log.removeUpTo(t.Context(), chain, 1)
			deleted = 0
		}
	}
	if err == nil {
		_, err = log.ends(t.Context())
	}
	if err == nil {
		r := &Recorder{config: RecorderConfig{Log: log, WriteLimit: time.Minute}, spool: &spool{source: "s"}}
		err = r.write(t.Context(), []happening{{N: 1, At: at}}, true)
	}
	if err == nil {
		err = log.db.InWriteTx(t.Context(), func(tx *sql.Tx) error {
			w, err := log.Objects(t.Context(), tx, "c")
			if err == nil {
				err = w.Add(t.Context(), "run", ObjectsChanged, []byte("{}"))
			}
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	sent := server.Sent()
	if len(sent) < 30 {
		t.Fatalf("only %d statements were sent", len(sent))
	}
	for _, problem := range server.Problems() {
		t.Error(problem)
	}
	for _, st := range sent {
		at := slices.IndexFunc(st.Args, func(v driver.Value) bool { return v == "t\U0001F511" })
		if strings.Contains(st.Text, "SUBSTRING") && fmt.Sprint(st.Args[at-1]) != "3" {
			t.Errorf("a key beyond the first plane counts two: %v", st.Args)
		}
	}
	if err := server.Keep("audit"); err != nil {
		t.Fatal(err)
	}
}
