//go:build linux

package process_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/process"
)

func start(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(process.Config{Name: "the shell", Path: "/bin/sh", Args: []string{"-c", script},
		Env: append(os.Environ(), "WORD=ready now"), Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// gone waits until no process has the id; a zombie counts as gone.
func gone(t *testing.T, pid int) {
	t.Helper()
	for range 100 {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}

func TestAProgramIsReadyWhenItSaysSoAndStopsWhenAsked(t *testing.T) {
	p := start(t, `trap 'echo bye; exit 0' TERM; sleep 0.2; echo $WORD; while :; do sleep 0.05; done`)
	if err := p.WaitReady(within(t, 5*time.Second), process.Says("ready now\n")); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if said, err := p.Output(); err != nil || !strings.HasSuffix(string(said), "bye\n") {
		t.Errorf("it said %q, %v", said, err)
	}
	if err := errors.Join(p.Err(), p.Stop()); err != nil {
		t.Errorf("after an ordered stop: %v", err)
	}
	gone(t, p.PID())
}

func TestAProgramThatEndsEarlyIsReportedWithItsOwnWords(t *testing.T) {
	p := start(t, "echo the port is taken >&2; exit 7")
	err := p.WaitReady(within(t, 5*time.Second), process.Says("never"))
	for _, want := range []string{"the shell ended by itself", "exit status 7", "the port is taken"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestAProgramThatIsNeverReadyIsReportedAtTheDeadline(t *testing.T) {
	p := start(t, "echo starting; sleep 60")
	err := p.WaitReady(within(t, 300*time.Millisecond), process.Says("never"))
	if err == nil || !strings.Contains(err.Error(), `did not say "never"`) || !strings.Contains(err.Error(), "starting") {
		t.Errorf("got %v", err)
	}
}

func TestOnlyWhatWasSaidSinceTheStartCounts(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("ready\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(process.Config{Name: "the shell", Path: "/bin/sh", Args: []string{"-c", "sleep 60"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if err := p.WaitReady(within(t, 200*time.Millisecond), process.Says("ready")); err == nil {
		t.Error("an old line made it ready")
	}
}

func TestAProgramThatDoesNotStopIsKilled(t *testing.T) {
	p, err := process.Start(process.Config{Name: "the shell", Path: "/bin/sh", StopTime: 200 * time.Millisecond,
		Args: []string{"-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"}, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if err := p.WaitReady(within(t, 5*time.Second), process.Says("deaf")); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "did not stop within 200ms and was killed") {
		t.Errorf("got %v", err)
	}
	gone(t, p.PID())
}

func TestAnHTTPAddressAnswers(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusServiceUnavailable)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	t.Cleanup(server.Close)
	p := start(t, "sleep 60")
	if err := p.WaitReady(within(t, 200*time.Millisecond), process.AnswersHTTP(server.URL)); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a failing server is ready: %v", err)
	}
	status.Store(http.StatusUnauthorized)
	if err := p.WaitReady(within(t, 5*time.Second), process.AnswersHTTP(server.URL)); err != nil {
		t.Error(err)
	}
}

func TestAProgramThatCannotBeFoundIsNamed(t *testing.T) {
	_, err := process.Start(process.Config{Name: "the engine", Path: "/no/such/engine", Log: filepath.Join(t.TempDir(), "log")})
	if err == nil || !strings.Contains(err.Error(), "start the engine") {
		t.Errorf("got %v", err)
	}
}

func TestKillReachesTheChildrenToo(t *testing.T) {
	p := start(t, "sleep 60 & echo child $!; wait")
	if err := p.WaitReady(within(t, 5*time.Second), process.Says("child")); err != nil {
		t.Fatal(err)
	}
	said, err := p.Output()
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(said), "child ")))
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	gone(t, child)
}

// parentEnv makes this test binary a parent that is killed.
const parentEnv = "IDENTITYMESH_TEST_PROCESS_PARENT"

func TestMain(m *testing.M) {
	if log := os.Getenv(parentEnv); log != "" {
		p, err := process.Start(process.Config{Name: "the shell", Path: "/bin/sh", Args: []string{"-c", "exec sleep 60"}, Log: log})
		if err != nil {
			os.Exit(3)
		}
		_, _ = os.Stdout.WriteString(strconv.Itoa(p.PID()) + "\n")
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

func TestNothingOutlivesAKilledParent(t *testing.T) {
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"="+filepath.Join(t.TempDir(), "log"))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 32)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child, 0); err != nil {
		t.Fatalf("the child never ran: %v", err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	gone(t, child)
}
