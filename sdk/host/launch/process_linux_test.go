package launch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

func TestPluginCannotHideFromItsEndInAnotherProcessGroup(t *testing.T) {
	t.Parallel()
	_, err := newTrial(t).start(t, "", "hides in its host's process group", 5*time.Second)
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
