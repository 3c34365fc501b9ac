package launch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

func TestPluginCannotHideFromItsEndInAnotherProcessGroup(t *testing.T) {
	t.Parallel()
	_, err := newTrial(t).start(t, "", "hides in its host's process group", time.Second)
	var failed *launch.StartError
	if !errors.As(err, &failed) || len(failed.LastLines) != 1 {
		t.Fatalf("got %v", err)
	}
	var pid int
	if _, err := fmt.Sscan(failed.LastLines[0], &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Errorf("process %d outlives its stop", pid)
	}
}

// slow is a log that cannot keep up with a plugin that writes a lot.
type slow struct{ slog.Handler }

func (slow) Enabled(context.Context, slog.Level) bool { return true }

func (slow) Handle(context.Context, slog.Record) error {
	time.Sleep(500 * time.Microsecond)
	return nil
}

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
			if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
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

func TestFiftyStartsLeaveNoGoroutineAndNoFileBehind(t *testing.T) {
	tr := newTrial(t)
	start := func(n int) {
		for i := range n {
			switch p, err := tr.start(t, "", []string{"is of the SDK", "is a server of go-plugin", "dies with a long report"}[i%3], 10*time.Second); {
			case err == nil:
				if _, err := info(t, p); err != nil {
					t.Fatal(err)
				}
				_ = syscall.Kill(p.PID(), syscall.SIGKILL)
				p.Stop()
			case i%3 != 2:
				t.Fatal(err)
			}
		}
	}
	start(3) // what is made once
	routines, files := runtime.NumGoroutine(), open(t)
	start(50)
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > routines || open(t) > files; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines and %d files are left, %d and %d were before\n%s",
				runtime.NumGoroutine(), open(t), routines, files, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// open counts this process's open files.
func open(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
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

func TestNamedPipeInThePlaceOfAPluginIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	tr := newTrial(t)
	for name, open := range map[string]func() error{
		"by Hash": func() error { _, err := launch.Hash(path); return err },
		"by Start": func() error {
			_, err := launch.Start(t.Context(), launch.Config{Path: path, Folder: tr.folder, Logger: slog.New(slow{slog.DiscardHandler})})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := make(chan error, 1)
			go func() { result <- open() }()
			select {
			case err := <-result:
				if err == nil || !strings.Contains(err.Error(), "not a regular file") {
					t.Errorf("got %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("opening it hangs")
			}
		})
	}
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
