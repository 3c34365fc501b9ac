//go:build linux

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/process"
	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
)

func TestSmoke(t *testing.T) {
	needPrograms(t)
	t.Setenv("TMPDIR", t.TempDir())
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "demo"), "smoke", "--bin", bin).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || !strings.HasPrefix(lines[len(lines)-1], "smoke: ok, 1000+1000 people") {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestASmokeThatFailsSaysSoInItsLastLine(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	empty := t.TempDir()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "demo"), "smoke", "--bin", empty)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := lines[len(lines)-1]; err == nil || !strings.HasPrefix(last, "smoke: FAILED: everything starts: ") || !strings.Contains(last, empty) {
		t.Errorf("%v\n%s", err, out)
	}
}

// demo is a started "demo up".
type demo struct {
	*process.Process
	family []process.Member
}

// up starts the demo and waits until it stays. More arguments may start more
// processes.
func up(t *testing.T, folder string, more ...string) *demo {
	t.Helper()
	p, err := process.Start(process.Config{
		Name: "the demo", Path: filepath.Join(bin, "demo"), Log: filepath.Join(t.TempDir(), "log"),
		Args: append([]string{"up", "--bin", bin, "--folder", folder, "--listen", loopbacktest.Address(t), "--directory-listen", loopbacktest.Address(t)}, more...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	ctx := t.Context()
	if err := p.WaitReady(ctx, process.Says("Press Ctrl-C to stop")); err != nil {
		t.Fatal(err)
	}
	d := &demo{Process: p}
	// The demo, the two programs, and a plugin of each.
	if d.family, err = process.Family(p.PID()); err != nil || len(d.family) < 5 || len(more) == 0 && len(d.family) != 5 {
		t.Fatalf("the processes are %v, %v", d.family, err)
	}
	return d
}

// gone waits until no process of the demo is left.
func (d *demo) gone(t *testing.T) {
	t.Helper()
	for _, m := range d.family {
		for deadline := time.Now().Add(5 * time.Second); m.Alive(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("process %d of %v is still there", m.PID, d.family)
				return
			}
		}
	}
}

func (d *demo) said(t *testing.T) string {
	t.Helper()
	said, err := d.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

// expect finds the patterns one after the other.
func expect(t *testing.T, text string, patterns ...string) {
	t.Helper()
	if !regexp.MustCompile("(?s)" + strings.Join(patterns, ".*")).MatchString(text) {
		t.Errorf("expected %q in\n%s", patterns, text)
	}
}

func TestUpShowsImportedPeopleStopsAndContinues(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	folder := filepath.Join(t.TempDir(), "var")

	if len(folder) < 60 {
		t.Fatalf("%s is too short to try what long paths do", folder)
	}
	d := up(t, folder)
	expect(t, d.said(t), `Demo HR: created`, `Demo directory: created`,
		`Demo HR +full +1000 +0 +0 +0 `, `Demo directory +full +1000 +0 +0 +0 `, `Demo HR  .* <.*@demo`, `Demo directory  .* <.*@demo`, `Bearer`)
	// As a terminal does: to the whole process group.
	if err := syscall.Kill(-d.PID(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-d.Exited()
	d.gone(t)
	expect(t, d.Err().Error(), "exit status 0", "Stopped. The next start continues")

	// The directory's address is another one now, and so is its password.
	d = up(t, folder)
	expect(t, d.said(t), `Demo HR: as it was`, `Demo directory: its source moved, updated`,
		`Demo HR +delta +0 +0 +\d+ +0 `, `Demo directory +delta +0 +0 +1000 +0 `)
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	d.gone(t)
}

func TestNothingIsLeftWhenTheDemoIsKilled(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	// With a short path everything is in this folder, and nothing in another one
	// that only an orderly stop would remove.
	folder, err := os.MkdirTemp("/tmp", "im-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	d := up(t, folder)
	if err := syscall.Kill(d.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.gone(t)
	// What was killed can be continued too.
	if err := up(t, folder).Stop(); err != nil {
		t.Error(err)
	}
}

func TestTheDemoEndsWhenAProgramDoes(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	d := up(t, t.TempDir())
	for _, m := range d.family {
		line, err := os.ReadFile(m.CommandLine()[0])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(line), "identitymesh-engine") {
			if err := syscall.Kill(m.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	<-d.Exited()
	d.gone(t)
	expect(t, d.Err().Error(), "exit status 1", "up: identitymesh-engine ended by itself", "its log .* ends with")
}

func TestAnInterruptedStartIsNoFailure(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	p, err := process.Start(process.Config{
		Name: "the demo", Path: filepath.Join(bin, "demo"), Log: filepath.Join(t.TempDir(), "log"),
		Args: []string{"up", "--bin", bin, "--folder", t.TempDir(), "--listen", loopbacktest.Address(t), "--directory-listen", loopbacktest.Address(t)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if err := p.WaitReady(t.Context(), process.Says("Admin API")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-p.PID(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-p.Exited()
	expect(t, p.Err().Error(), "exit status 0")
}
