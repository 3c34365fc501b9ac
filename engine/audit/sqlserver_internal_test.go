package audit

import (
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
	server := &fakeserver.Server{Reply: func(text string) fakeserver.Answer {
		row := func(v ...driver.Value) fakeserver.Answer { return fakeserver.Answer{Rows: [][]driver.Value{v}} }
		switch {
		case !strings.HasPrefix(text, "SELECT"):
			return fakeserver.Answer{Affected: 1}
		case strings.Contains(text, "FROM IM_AuditHeads"):
			return row(int64(1), start)
		}
		return row(int64(1), at, "intent", int64(0), "a", "", "", "x", "", "", "", "", start)
	}}
	log := &Log{db: server.DB(), now: func() time.Time { return at }}
	op, err := log.Begin(t.Context(), Entry{Actor: "a", Action: "x"})
	if err == nil {
		err = op.End(t.Context(), nil, "")
	}
	if err == nil {
		_, err = log.Search(t.Context(), Filter{Actor: "a", Action: "x", Outcome: "OK", TargetPrefix: "t\U0001F511", From: at, To: at, Before: 7}, 5)
	}
	if err == nil {
		_, err = log.Search(t.Context(), Filter{}, 5)
	}
	if err == nil {
		err = log.Export(t.Context(), io.Discard)
	}
	if err != nil {
		t.Fatal(err)
	}
	sent := server.Sent()
	if len(sent) < 12 {
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
