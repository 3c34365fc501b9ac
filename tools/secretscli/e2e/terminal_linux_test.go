package e2e_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is secretscli with somebody at the keyboard.
type terminal struct {
	*world
	cmd *exec.Cmd
	tty *os.File

	mu     sync.Mutex
	screen bytes.Buffer
	closed chan struct{}
}

func (w *world) terminal(args ...string) *terminal {
	w.Helper()
	term := &terminal{world: w, cmd: w.command(args...), closed: make(chan struct{})}
	var err error
	if term.tty, err = pty.Start(term.cmd); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = term.tty.Close() })
	go func() {
		defer close(term.closed)
		_, _ = io.Copy(term, term.tty) // ends with EIO when the program does
	}()
	return term
}

func (term *terminal) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.Write(p)
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.String()
}

// expect waits until the screen shows text.
func (term *terminal) expect(text string) {
	term.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(term.text(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			term.Fatalf("the screen does not show %q:\n%s", text, term.text())
		}
	}
}

// typed types text once the terminal's echo is as it should be.
func (term *terminal) typed(text string) {
	term.Helper()
	if _, err := term.tty.WriteString(text); err != nil {
		term.Fatal(err)
	}
}

// end waits for the program to end and returns what the screen shows.
func (term *terminal) end(code int) string {
	term.Helper()
	err := term.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		term.Fatal(err)
	}
	<-term.closed
	term.said.WriteString(term.text())
	if got := term.cmd.ProcessState.ExitCode(); got != code {
		term.Fatalf("exit code %d, want %d; the screen shows:\n%s", got, code, term.text())
	}
	return term.text()
}

func TestAValueIsAskedForTwiceAndNeverShown(t *testing.T) {
	w := newWorld(t)
	term := w.terminal("set", ref)
	term.expect("Value of " + ref + ": ")
	term.waitForEcho(false)
	term.typed(canary + "\n")
	term.expect("The same again: ")
	term.waitForEcho(false)
	term.typed(canary + "\n")
	if screen := term.end(0); !strings.Contains(screen, "version ") {
		t.Errorf("the screen shows:\n%s", screen)
	}
	w.wantStored(ref, canary)
	w.wantNoCanary()
}

func TestEntriesThatCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ first, second, says string }{
		"two that differ":               {canary + "\n", canary + "x\n", "the two entries differ"},
		"one that a terminal might cut": {canary + strings.Repeat("x", 1000) + "\n", "", "at most 1000 bytes"},
		"two empty ones":                {"\n", "\n", "the value is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			term := w.in(t).terminal("set", ref)
			term.expect("Value of " + ref + ": ")
			term.waitForEcho(false)
			term.typed(c.first)
			if c.second != "" {
				term.expect("The same again: ")
				term.waitForEcho(false)
				term.typed(c.second)
			}
			if screen := term.end(2); !strings.Contains(screen, c.says) {
				t.Errorf("the screen shows:\n%s", screen)
			}
		})
	}
	if strings.Contains(w.said.String(), canary) {
		t.Errorf("the value was shown:\n%s", w.said.String())
	}
}

func TestCtrlCAtThePromptBringsTheEchoBack(t *testing.T) {
	w := newWorld(t)
	// The slave side stays open here, so that its state can be seen afterwards.
	tty, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	defer slave.Close()
	term := &terminal{world: w, cmd: w.command("set", ref), tty: tty}
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, term, term
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term.expect("Value of ")
	term.waitForEcho(false)
	if err := term.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = term.cmd.Wait()
	if term.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(term.text(), "interrupted") {
		t.Errorf("%v; the screen shows:\n%s", err, term.text())
	}
	term.waitForEcho(true)
}

func TestDeletingIsConfirmed(t *testing.T) {
	w := newWorld(t)
	w.run(canary, 0, "set", ref, "--stdin")
	for _, answer := range []string{"no\n", "\n", "y\n", "\x04"} {
		term := w.terminal("delete", ref)
		term.expect("Type yes to go on: ")
		term.typed(answer)
		if screen := term.end(2); !strings.Contains(screen, "nothing was deleted") {
			t.Errorf("%q: the screen shows:\n%s", answer, screen)
		}
	}
	w.wantStored(ref, canary)
	term := w.terminal("delete", ref)
	term.expect("Delete " + ref)
	term.typed("yes\n")
	term.end(0)
	w.wantError(3, "NOT_FOUND", "describe", ref)
}

func TestDoctorShowsSymbolsWhereTheTerminalHasThem(t *testing.T) {
	for locale, want := range map[string]string{"C.UTF-8": "✓ provider", "C": "[ok]   provider"} {
		w := newWorld(t)
		w.env = append(w.env, "LC_ALL="+locale)
		if screen := w.terminal("doctor").end(0); !strings.Contains(screen, want) || strings.Contains(screen, "\x1b") {
			t.Errorf("%s: the screen shows:\n%s", locale, screen)
		}
	}
}

func TestStdinAtATerminalIsRefused(t *testing.T) {
	w := newWorld(t)
	if screen := w.terminal("set", ref, "--stdin").end(2); !strings.Contains(screen, "would show what is typed") {
		t.Errorf("the screen shows:\n%s", screen)
	}
}
