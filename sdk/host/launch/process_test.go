//go:build linux || windows

package launch_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

func TestReportOfADeadPluginHasItsLastLine(t *testing.T) {
	t.Parallel()
	_, err := newTrial(t).start(t, "", "dies with a long report", 10*time.Second)
	if err == nil || !strings.Contains(err.Error(), "frame 299 | last words") || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("got %v", err)
	}
}

func TestRunFolderHoldsItsLockOnlyWhenAPluginHasEnded(t *testing.T) {
	ends := map[string]func(*testing.T, trial){
		"by being stopped": func(t *testing.T, tr trial) {
			if !tr.running(t, "is of the SDK").Stop() {
				t.Error("it had to be killed")
			}
		},
		"by being stopped as a server of go-plugin": func(t *testing.T, tr trial) { tr.running(t, "is a server of go-plugin").Stop() },
		"by being killed": func(t *testing.T, tr trial) {
			p := tr.running(t, "is of the SDK")
			kill(t, p.PID())
			select {
			case <-p.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("its end is not noticed")
			}
		},
		"before it was a plugin": func(t *testing.T, tr trial) {
			if _, err := tr.start(t, "", "dies with a long report", 10*time.Second); err == nil {
				t.Fatal("it became a plugin")
			}
		},
		"before it ran": func(t *testing.T, tr trial) {
			path := filepath.Join(t.TempDir(), "no program")
			if err := os.WriteFile(path, []byte("text"), 0o755); err != nil {
				t.Fatal(err)
			}
			if _, err := tr.start(t, path, "", 10*time.Second); err == nil {
				t.Fatal("it became a plugin")
			}
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t)
			end(t, tr)
			left, err := os.ReadDir(tr.folder.Path())
			if err != nil || len(left) != 1 || left[0].Name() != "lock" {
				t.Errorf("it holds %v, %v", left, err)
			}
		})
	}
}

// kill ends a process from outside, as an operator does.
func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

func TestFiftyStartsLeaveNoGoroutineAndNoFileBehind(t *testing.T) {
	tr := newTrial(t)
	start := func(n int) {
		for i := range n {
			switch p, err := tr.start(t, "", []string{"is of the SDK", "is a server of go-plugin", "dies with a long report"}[i%3], 10*time.Second); {
			case err == nil:
				if _, err := info(t, p); err != nil {
					t.Fatal(err)
				}
				kill(t, p.PID())
				p.Stop()
			case i%3 != 2:
				t.Fatal(err)
			}
		}
	}
	start(3) // what is made once
	// A few more of either come and go by the runtime's own hand; what leaks does so
	// with every start of its kind.
	const slack = 4
	routines, files := runtime.NumGoroutine()+slack, open(t)+slack
	start(50)
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > routines || open(t) > files; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines and %d files are left, %d and %d were before\n%s",
				runtime.NumGoroutine(), open(t), routines, files, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestWhatAPluginWritesToStdoutLaterIsReadAndThrownAway(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	tr.running(t, "floods stdout")
	tr.log.await(t, "wrote all of it")
	tr.log.await(t, "plugin writes to stdout after its handshake line")
	if n := strings.Count(tr.log.String(), "writes to stdout"); n != 1 || strings.Contains(tr.log.String(), "xxx") {
		t.Errorf("it is said %d times in\n%.500s", n, tr.log)
	}
}

func TestOperatorsVariablesDoNotReplaceThoseOfTheHandshake(t *testing.T) {
	// The trial sets the cookie to something else, with which no plugin starts.
	newTrial(t).running(t, "is of the SDK")
}

func TestFolderWaitsForAnotherHostOnlySoLong(t *testing.T) {
	t.Parallel()
	base := shortFolder(t)
	frozen := flock.New(filepath.Join(base, "lock"))
	if err := frozen.Lock(); err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	result := make(chan error, 1)
	go func() { _, err := launch.OpenFolder(base); result <- err }()
	select {
	case err := <-result:
		if err == nil || !strings.Contains(err.Error(), base) {
			t.Errorf("got %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("it waits without a bound")
	}
}
