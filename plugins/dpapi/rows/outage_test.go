package rows_test

import (
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/productdb/unreliable"
)

// Each statement of a set fails in turn, in each way that a database fails. A
// trouble that passes costs nothing, but for a commit whose answer is lost: that
// is said, and the secret is either the old or the new one.
func TestASetSurvivesADatabaseThatFailsAtAnyStatement(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		line := &unreliable.Line{}
		f.cfg.Wrap, f.cfg.Jitter = line.Wrap, func(time.Duration) time.Duration { return 0 }
		table, db := f.open()
		for _, fault := range unreliable.Faults() {
			for _, lasting := range []bool{false, true} {
				for at := 1; ; at++ {
					name := string(fault) + time.Duration(at).String()
					if lasting {
						name += " lasting"
					}
					f.legacy(db, f.ref(name), "old") // a set of it reads, inserts and deletes
					line.Break(unreliable.Plan{At: at, Fault: fault, Lasting: lasting})
					_, err := table.Put(t.Context(), f.row(name, "new"), nil)
					statement := line.Heal()
					if statement == "" {
						if err != nil || at < 6 {
							t.Fatalf("%d statements, %v", at-1, err)
						}
						break
					}
					want := "new"
					var unknown *productdb.UnknownOutcomeError
					switch {
					case statement == "COMMIT" && (fault == unreliable.CutAfter || fault == unreliable.CutWhileReading):
						if !errors.As(err, &unknown) {
							t.Errorf("%s at %d, COMMIT: said %v", fault, at, err)
						}
					case statement == "COMMIT" && fault == unreliable.CutBefore:
						want = "old"
						if !errors.As(err, &unknown) {
							t.Errorf("%s at %d, COMMIT: said %v", fault, at, err)
						}
					case lasting:
						want = "old"
						if err == nil || errors.As(err, &unknown) {
							t.Errorf("%s at %d, %s: said %v", fault, at, statement, err)
						}
					case err != nil:
						t.Errorf("%s at %d, %s: said %v", fault, at, statement, err)
					}
					if got := f.find(table, f.ref(name)); string(got.Blob) != want || got.Legacy() != (want == "old") {
						t.Errorf("%s at %d, %s: the secret is %s, want %s", fault, at, statement, got.Blob, want)
					}
				}
			}
		}
		mine, _ := f.mine(table, 50)
		for ref, row := range mine {
			if row.Legacy() != (string(f.find(table, ref).Blob) == "old") {
				t.Errorf("%s has a second row", ref)
			}
		}
	})
}

func TestATableThatCouldNotBeMadeIsMadeByTheNextStart(t *testing.T) {
	for at := 1; ; at++ {
		line := &unreliable.Line{}
		db, err := productdb.Open(t.Context(), productdb.Config{DataFolder: t.TempDir(), Wrap: line.Wrap})
		if err != nil {
			t.Fatal(err)
		}
		open := func() error {
			_, err := rows.Open(t.Context(), rows.Config{DB: db, Now: time.Now, Tracer: noop.NewTracerProvider()})
			return err
		}
		line.Break(unreliable.Plan{At: at, Fault: unreliable.CutAfter})
		first := open()
		failed := line.Heal() != ""
		if err := open(); err != nil {
			t.Errorf("after statement %d failed with %v: %v", at, first, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if !failed {
			if at < 8 {
				t.Errorf("only %d statements", at-1)
			}
			return
		}
	}
}
