package conformance_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/conformance"
)

// Linux runs no file that is open for writing. That passes, and a plugin is not
// judged by it.
func TestSystemThatMakesNoProcessIsAskedAgain(t *testing.T) {
	binary := conformance.Build(t, template)
	busy, err := os.OpenFile(binary, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(500*time.Millisecond, func() { _ = busy.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var first conformance.Result
	_, _ = conformance.Run(ctx, conformance.Config{Binary: binary, Config: folder(t.TempDir())}, func(r conformance.Result) {
		if first.Case == "" {
			first = r
			cancel() // one is enough
		}
	})
	if first.Verdict != conformance.Pass {
		t.Errorf("%s: %s: %s", first.Case, first.Verdict, first.Why)
	}
}
