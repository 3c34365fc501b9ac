package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// part is the variable that makes this test binary play a plugin that
// misbehaves.
const part = "IDENTITYMESH_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(part) {
	case "":
		os.Exit(m.Run())
	case "hides in its host's process group":
		fmt.Fprintln(os.Stderr, os.Getpid())
		if err := hide(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(time.Hour)
	case "dies with a long report":
		for n := range 300 {
			fmt.Fprintln(os.Stderr, "frame", n)
		}
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(3)
	}
}

// slow is a log that cannot keep up with a plugin that writes a lot.
type slow struct{ slog.Handler }

func (slow) Enabled(context.Context, slog.Level) bool { return true }

func (slow) Handle(context.Context, slog.Record) error {
	time.Sleep(500 * time.Microsecond)
	return nil
}

// shortFolder is a folder whose path leaves room for a socket's name.
func shortFolder(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "im-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	return path
}

func hide() error {
	group, err := syscall.Getpgid(os.Getppid())
	if err != nil {
		return err
	}
	return syscall.Setpgid(0, group)
}

// startPart starts this test binary as a plugin that plays the named part, for
// at most limit, and fails the test when that hangs.
func startPart(t *testing.T, name string, limit time.Duration) error {
	t.Helper()
	hash, err := Hash(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	folder, err := OpenFolder(shortFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := Start(ctx, Config{
			Name: "part", Path: os.Args[0], SHA256: hash, Pin: "the test", Environment: []string{part + "=" + name},
			Folder: folder, Logger: slog.New(slow{slog.DiscardHandler}), Tracer: tracenoop.NewTracerProvider(), Now: time.Now,
		})
		result <- err
	}()
	select {
	case err := <-result:
		_ = folder.Close()
		return err
	case <-time.After(limit + 20*time.Second):
		t.Fatal("the start hangs")
		return nil
	}
}

func TestPluginCannotHideFromItsEndInAnotherProcessGroup(t *testing.T) {
	err := startPart(t, "hides in its host's process group", time.Second)
	var failed *StartError
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

func TestReportOfADeadPluginHasItsLastLine(t *testing.T) {
	err := startPart(t, "dies with a long report", 10*time.Second)
	if err == nil || !strings.Contains(err.Error(), "frame 299 | last words") {
		t.Fatalf("got %v", err)
	}
}

func TestPipesOfADeadPluginAreClosed(t *testing.T) {
	before := pipes(t)
	for range 5 {
		if err := startPart(t, "dies with a long report", 10*time.Second); err == nil {
			t.Fatal("it became a plugin")
		}
	}
	for end := time.Now().Add(5 * time.Second); pipes(t) > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d pipes are open, %d were before", pipes(t), before)
		}
	}
}

func pipes(t *testing.T) (n int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(target, "pipe:") {
			n++
		}
	}
	return n
}

func TestNamedPipeInThePlaceOfAPluginIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { _, err := openVerified(path, "", ""); result <- err }()
	select {
	case err := <-result:
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("opening it hangs")
	}
}

func TestFolderWaitsForAnotherHostOnlySoLong(t *testing.T) {
	base := shortFolder(t)
	frozen := flock.New(filepath.Join(base, lockName))
	if err := frozen.Lock(); err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	result := make(chan error, 1)
	go func() { _, err := openFolder(base); result <- err }()
	select {
	case err := <-result:
		if err == nil || !strings.Contains(err.Error(), base) {
			t.Errorf("got %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("it waits without a bound")
	}
}
