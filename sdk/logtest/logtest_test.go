package logtest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/logtest"
)

func TestManyMayWriteWhileOneReads(t *testing.T) {
	var logs logtest.Buffer
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { fmt.Fprintf(&logs, "line %d\n", i) })
	}
	_ = logs.String() // the race detector looks
	all.Wait()
	if text := logs.String(); strings.Count(text, "\n") != 8 || !strings.Contains(text, "line 7\n") {
		t.Errorf("got %q", text)
	}
}
