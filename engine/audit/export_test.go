package audit_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/engine/audit"
)

// exported is the export of a log with three actions.
func exported(t *testing.T) (text string, log *audit.Log) {
	t.Helper()
	log, _ = open(t, filepath.Join(t.TempDir(), "db"))
	for _, target := range []string{"a", "<&>\u2028\U0001F511\"", "c"} {
		act(t, log, target, nil)
	}
	var out bytes.Buffer
	if err := log.Export(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String(), log
}

func TestAnExportIsVerifiedWithoutTheDatabase(t *testing.T) {
	text, log := exported(t)
	if n := strings.Count(text, "\n"); n != 7 {
		t.Errorf("%d lines: %s", n, text)
	}
	want, err := log.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]string{"as it is": text, "with the line ends of Windows": strings.ReplaceAll(text, "\n", "\r\n")} {
		if got, err := audit.VerifyExport(strings.NewReader(form)); err != nil || got != want || got.Records != 6 {
			t.Errorf("%s: %+v instead of %+v, %v", name, got, want, err)
		}
	}
}

func TestTheExportOfNothingIsWhole(t *testing.T) {
	log, _ := open(t, filepath.Join(t.TempDir(), "db"))
	var out bytes.Buffer
	if err := log.Export(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if got, err := audit.VerifyExport(&out); err != nil || got.Records != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEachChangeOfAnExportIsFound(t *testing.T) {
	text, _ := exported(t)
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	lines[6] += "\n"
	replaced := func(n int, old, new string) []string {
		out := append([]string{}, lines...)
		if !strings.Contains(out[n], old) {
			t.Fatalf("line %d has no %s", n, old)
		}
		out[n] = strings.Replace(out[n], old, new, 1)
		return out
	}
	without := func(n int) []string { return append(append([]string{}, lines[:n]...), lines[n+1:]...) }
	for name, c := range map[string]struct {
		lines []string
		seq   int64
	}{
		"another actor":             {replaced(2, "user root", "user toor"), 3},
		"another time":              {replaced(2, "2026-", "2025-"), 3},
		"a field added":             {replaced(2, `"seq":3,`, `"seq":3,"note":"x",`), 3},
		"a field twice":             {replaced(2, `"actor":`, `"actor":"user ann","actor":`), 3},
		"a key in another case":     {replaced(2, `"actor":`, `"ACTOR":`), 3},
		"a blank":                   {replaced(2, `"seq":3`, `"seq": 3`), 3},
		"no JSON":                   {replaced(2, `{"seq"`, `"seq"`), 3},
		"an empty line":             {replaced(2, lines[2], "\n"), 3},
		"a line longer than any":    {replaced(2, `"user root"`, `"`+strings.Repeat("x", 4<<20)+`"`), 3},
		"a record removed":          {without(2), 3},
		"the last record removed":   {without(5), 6},
		"the end removed":           {without(6), 7},
		"nothing":                   {nil, 1},
		"half of it":                {lines[:3], 4},
		"a line cut off":            {append(append([]string{}, lines[:3]...), lines[3][:40]), 4},
		"a record behind the end":   {append(append([]string{}, lines...), lines[5]), 7},
		"another end":               {replaced(6, `"seq":6`, `"seq":5`), 5},
		"an end with another hash":  {replaced(6, `"hash":"`, `"hash":"0`), 6},
		"an end with a second text": {replaced(6, `"seq":6`, `"seq":6,"seq":6`), 7},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := audit.VerifyExport(strings.NewReader(strings.Join(c.lines, "")))
			var broken *audit.BrokenError
			if !errors.As(err, &broken) || broken.Seq != c.seq || broken.Why == "" {
				t.Errorf("got %v, want record %d", err, c.seq)
			}
		})
	}
}

func TestAnExportShowsThatTheDatabaseLostItsEnd(t *testing.T) {
	log, db := open(t, filepath.Join(t.TempDir(), "db"))
	act(t, log, "a", nil)
	act(t, log, "b", nil)
	if _, err := db.Write.ExecContext(t.Context(), "DELETE FROM IM_AdminAudit WHERE seq = 4"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := log.Export(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var broken *audit.BrokenError
	if _, err := audit.VerifyExport(&out); !errors.As(err, &broken) || broken.Seq != 4 {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

var errFull = errors.New("full")

func (failing) Write([]byte) (int, error) { return 0, errFull }
func (failing) Read([]byte) (int, error)  { return 0, errFull }

func TestAnExportThatCannotBeWrittenOrReadSaysSo(t *testing.T) {
	_, log := exported(t)
	if err := log.Export(t.Context(), failing{}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	if _, err := audit.VerifyExport(failing{}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func FuzzVerifyExport(f *testing.F) {
	f.Add([]byte(`{"end":{"seq":0,"hash":"` + strings.Repeat("0", 64) + `"}}`))
	f.Add([]byte("{\"seq\":1}\n{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := audit.VerifyExport(bytes.NewReader(text))
		var broken *audit.BrokenError
		if err != nil && !errors.As(err, &broken) || report.Open > int(report.Records) {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
