package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// Writes are never made twice, so one that were lost to a reload would show.
func TestReloadUnderLoadLosesNoCall(t *testing.T) {
	before := runtime.NumGoroutine()
	data := shortFolder(t)
	a, err := host.OpenAdministrator(host.Config{
		Choice: choice(`{"SlowMillis":2000}`), DataFolder: data, Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var calls atomic.Int64
	set := func(ref secret.Ref) {
		_, err := a.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(canary))})
		if calls.Add(1); err != nil {
			t.Errorf("a call was lost: %v", err)
		}
	}
	for n := range 16 {
		callers.Go(func() {
			for ctx.Err() == nil {
				set(secret.Ref(fmt.Sprintf("secret://load/%d", n)))
			}
		})
	}
	pids := map[int]bool{a.Status().Plugin.PID: true}
	for range 3 {
		callers.Go(func() { set("secret://test/slow") }) // outlasts the switch
		time.Sleep(100 * time.Millisecond)
		if err := a.Reload(t.Context(), choice(`{"SlowMillis":2000}`)); err != nil {
			t.Fatal(err)
		}
		pids[a.Status().Plugin.PID] = true
	}
	stop()
	callers.Wait()
	if len(pids) != 4 || calls.Load() < 100 {
		t.Errorf("processes %v served %d calls", pids, calls.Load())
	}
	if st := a.Status().Plugin; st.State != supervise.Ready || st.Restarts != 0 {
		t.Errorf("status %+v", st)
	}
	last := a.Status().Plugin.PID
	eventually(t, "the replaced processes are gone", func() bool {
		for pid := range pids {
			if pid != last && alive(fmt.Sprint(pid)) {
				return false
			}
		}
		return true
	})
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if alive(fmt.Sprint(last)) {
		t.Error("the last process is still there")
	}
	if left, _ := filepath.Glob(filepath.Join(data, "run", "host-*", "*")); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	b := open(t, choice(`{}`))
	pid := get(t, b, "secret://test/pid")
	for name, c := range map[string]struct {
		change func(*host.Config)
		word   string
	}{
		"a file that was changed":         {func(c *host.Config) { c.Choice.Plugin.SHA256 = strings.Repeat("0", 64) }, binaryHash},
		"a file that is not there":        {func(c *host.Config) { c.Choice.Plugin.Path += "-gone" }, "does not exist"},
		"a configuration that is refused": {func(c *host.Config) { c.Choice.Plugin.Config = secret.NewValue([]byte(`{"Refuse":true}`)) }, "told to refuse"},
		"a plugin that is not pinned":     {func(c *host.Config) { c.Choice.Problem = fmt.Errorf("no pin") }, "no pin"},
	} {
		t.Run(name, func(t *testing.T) {
			config := host.Config{Choice: choice(`{}`)}
			c.change(&config)
			err := b.Reload(t.Context(), config.Choice)
			if err == nil || !strings.Contains(err.Error(), c.word) {
				t.Fatalf("got %v", err)
			}
			st := b.Status()
			if st.Plugin.State != supervise.Ready || st.Path != binary || st.SHA256 != binaryHash || !strings.Contains(st.Plugin.Reload.Problem, c.word) {
				t.Errorf("status %+v", st)
			}
			if now := get(t, b, "secret://test/pid"); now != pid {
				t.Errorf("process %s serves instead of %s", now, pid)
			}
		})
	}
}

func TestReloadReleasesAPluginWhoseFileWasWrong(t *testing.T) {
	c := choice(`{}`)
	c.Plugin.Path += "-gone"
	b := open(t, c)
	_, err := b.Get(t.Context(), "secret://test/pid", secret.Current)
	if st := b.Status().Plugin; fault.Of(err) != fault.Unavailable || st.State != supervise.Quarantined || st.Restarts != 0 {
		t.Fatalf("a file that is not there: %v, status %+v", err, st)
	}
	c = choice(`{}`)
	c.Provider = "renamed"
	if err := b.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	get(t, b, "secret://test/pid")
	if st := b.Status(); st.Provider != "renamed" || st.Path != binary || st.Plugin.Problem != "" {
		t.Errorf("status %+v", st)
	}
}
