package command_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

// kill runs a command as a process that is killed when its clock is read for the n-th
// time, which it is before each record of the ledger. It reports whether that came.
func (w *world) kill(n int, args ...string) bool {
	w.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"--config", settings(w.folder), "--output", "json"}, args...)...)
	cmd.Env = append(append([]string{}, w.env...), fmt.Sprintf("%s=%d", killKey, n))
	out, err := cmd.CombinedOutput()
	w.said.Write(out)
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || strings.Contains(string(out), `"error"`) {
		w.Fatalf("kill at %d: %v\n%s", n, err, out)
	}
	return true
}

// Before each record, and so between each two things that happen to a store, the
// process is killed once. The next one always ends what it left.
func TestARunThatIsKilledAtAnyRecordGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it starts some fifty processes")
	}
	for n := 1; ; n++ {
		w := newWorld(t)
		values := some(3)
		w.set(w.folder, values)
		w.planned(0)
		killed := w.kill(n, "run", "--concurrency", "2")
		if killed {
			w.must(0, []string{"run"})
		}
		w.has(w.other, values)
		w.has(w.folder, values)
		w.sound(3)
		w.clean()
		if !killed {
			t.Logf("%d records, a kill before each", n-1)
			// How many there are depends on how many are written together.
			if n < 6 {
				t.Errorf("only %d records were met", n)
			}
			return
		}
	}
}

// sound checks the ledger, in which all refs are verified.
func (w *world) sound(refs int) {
	w.Helper()
	l, err := ledger.Open(w.Context(), ledger.Config{Folder: w.folder})
	if err != nil {
		w.Fatal(err)
	}
	defer l.Close()
	counts, err := l.Counts(w.Context())
	if err != nil || counts[ledger.Verified] != refs {
		w.Errorf("%v, %v", counts, err)
	}
	open, err := l.Interrupted(w.Context())
	if err != nil || len(open) > 0 {
		w.Errorf("left open: %v, %v", open, err)
	}
	if _, err := l.Fingerprint(w.Context()); err != nil {
		w.Error(err)
	}
}

func TestAPlanThatIsKilledIsMadeAgain(t *testing.T) {
	for n := 1; n < 12; n += 2 {
		w := newWorld(t)
		w.set(w.folder, some(3))
		if !w.kill(n, "plan", "--to-config", settings(w.other)) {
			return
		}
		w.planned(0)
		w.must(0, []string{"run"})
		w.sound(3)
	}
}
