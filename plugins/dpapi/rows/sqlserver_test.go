package rows_test

import (
	"context"
	"database/sql/driver"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/productdb/fakeserver"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// What is sent to SQL Server is looked at here without one; whether the rules
// hold there is for the other tests, on a real server.
func TestEveryStatementForSQLServerIsWellFormed(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	stored := map[string][]driver.Value{
		"new":     nil,
		"mapped":  {mapped("secret://mapped"), "secret://mapped", here.Kind, here.KeyID, here.HostID, here.HostName, int64(7), now, now, nil, nil},
		"dotnet":  {"secret://dotnet", nil, nil, nil, nil, nil, int64(0), nil, nil, nil, nil},
		"of page": {"a", "secret://a", here.Kind, here.KeyID, here.HostID, here.HostName, int64(7), now, now, nil, nil},
	}
	current := ""
	server := &fakeserver.Server{Reply: func(text string) fakeserver.Answer {
		row := stored[current]
		switch {
		case strings.Contains(text, "sp_getapplock"):
			return fakeserver.Answer{Rows: [][]driver.Value{{int64(0)}}}
		case strings.Contains(text, "MAX(version_id)"):
			return fakeserver.Answer{Rows: [][]driver.Value{{int64(0)}}}
		case strings.Contains(text, "SELECT version_id"):
			return fakeserver.Answer{Rows: [][]driver.Value{{int64(0), true}}}
		case strings.Contains(text, "SELECT TOP 1 tstamp"):
			return fakeserver.Answer{Rows: [][]driver.Value{{now, true}}}
		case strings.Contains(text, "SUM("):
			return fakeserver.Answer{Rows: [][]driver.Value{{int64(2), int64(1)}}}
		case strings.Contains(text, "GROUP BY"):
			return fakeserver.Answer{Rows: [][]driver.Value{{"7", int64(1)}}}
		case row == nil || !strings.HasPrefix(text, "SELECT"):
			return fakeserver.Answer{Affected: 1}
		case strings.Contains(text, ", blob FROM"):
			return fakeserver.Answer{Rows: [][]driver.Value{append(row, []byte{1})}}
		}
		return fakeserver.Answer{Rows: [][]driver.Value{row}}
	}}
	table, err := rows.Open(t.Context(), rows.Config{DB: server.DB(), Now: func() time.Time { return now }, Tracer: noop.NewTracerProvider()})
	if err != nil {
		t.Fatal(err)
	}
	migration := len(server.Sent())
	for which := range stored {
		current = which
		ref := secret.Ref("secret://" + which)
		if _, err := table.Put(t.Context(), rows.Row{Ref: ref, Blob: []byte{2}, Sealed: here, Tags: map[string]string{"a": "b"}}, nil); err != nil {
			t.Errorf("put, %s: %v", which, err)
		}
		if err := table.Delete(t.Context(), ref); (err != nil) != (which == "new" || which == "of page") {
			t.Errorf("delete, %s: %v", which, err)
		}
	}
	current = "of page"
	for name, do := range map[string]func(context.Context) error{
		"page":     func(ctx context.Context) error { _, _, err := table.Page(ctx, "", 5); return err },
		"count":    func(ctx context.Context) error { _, _, err := table.Count(ctx, "aa"); return err },
		"outdated": func(ctx context.Context) error { _, _, err := table.Outdated(ctx, here, ""); return err },
		"by key":   func(ctx context.Context) error { _, err := table.ByKey(ctx, here); return err },
		"probe":    table.ProbeWrite,
		"reseal": func(ctx context.Context) error {
			_, err := table.Reseal(ctx, []rows.Resealed{{Row: rows.Row{Name: "a", Number: 7}, Blob: []byte{3}, KeyID: "8"}})
			return err
		},
	} {
		if err := do(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if sent := len(server.Sent()) - migration; sent < 30 {
		t.Fatalf("only %d statements were sent", sent)
	}
	for _, problem := range server.Problems() {
		t.Error(problem)
	}
	if err := server.Keep("rows"); err != nil {
		t.Fatal(err)
	}
}
