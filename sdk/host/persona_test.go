package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/conformance/persona"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// usual is far above what a call of a healthy plugin takes, also on a machine that
// has too much to do, and far below what the misbehaviour of another one lasts.
const usual = 5 * time.Second

// show is a host with one plugin that misbehaves.
type show struct {
	config host.Config
	logs   logtest.Buffer
	mark   string
	store  string
	// expected are words of warnings that come once each, tolerated of those that
	// may come.
	expected, tolerated []string
	// changes counts those of state that people should know of.
	changes atomic.Int32
}

// buildPersonas builds them at the first call, into the folder of the test's own
// plugin, which is removed in the end.
var buildPersonas = sync.OnceValues(func() (func(string) (string, error), error) {
	return persona.BuildIn(filepath.Dir(binary))
})

// newShow prepares a host for the persona of that name.
func newShow(t *testing.T, name string) *show {
	t.Helper()
	file, err := buildPersonas()
	if err != nil {
		t.Fatal(err)
	}
	path, err := file(name)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := launch.Hash(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &show{store: t.TempDir(), mark: persona.Mark + "=" + t.Name() + fmt.Sprint(time.Now().UnixNano())}
	body, err := json.Marshal(map[string]string{"Folder": s.store})
	if err != nil {
		t.Fatal(err)
	}
	s.config = host.Config{
		Choice: catalog.Choice{Provider: "wayward", Plugin: catalog.Plugin{
			Name: "persona", Path: path, SHA256: hash, Pin: "the test", Version: "1.0.0",
			Config: secret.NewValue(body), ConfigPath: "Secrets:Plugins:wayward:Config", Environment: []string{s.mark},
		}},
		DataFolder: shortFolder(t), LogLevel: slog.LevelInfo,
		Logger: slog.New(slog.NewJSONHandler(&s.logs, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Tracer: tracenoop.NewTracerProvider(),
		OnState: func(st supervise.Status) {
			if slices.Contains([]supervise.State{supervise.Degraded, supervise.Backoff, supervise.Quarantined}, st.State) {
				s.changes.Add(1)
			}
		},
	}
	return s
}

// play opens a host with the persona, lets the test act with it, closes it, and
// checks what no persona may be able to prevent: that the host's other plugin
// answers meanwhile, that closing is bounded, that nothing is left, and that the
// log has exactly one warning for each thing that happened. Each warning about
// the plugin's state holds one of why; of others the test has to say which.
func play(t *testing.T, name string, why []string, act func(*testing.T, *show, *host.Resolver)) {
	t.Helper()
	playOpened(t, newShow(t, name), why, host.OpenResolver, act)
}

// playOpened is play through either door of the host.
func playOpened[H door](t *testing.T, s *show, why []string, open func(host.Config) (H, error), act func(*testing.T, *show, H)) {
	t.Helper()
	neighbour, err := host.OpenResolver(newShow(t, "good").config)
	if err != nil {
		t.Fatal(err)
	}
	defer neighbour.Close()
	ask(t, neighbour)
	slowest := watch(neighbour)

	// Goroutines inherit the label, so those of this host are known from those of
	// other tests.
	label := t.Name()
	pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels("show", label)))
	h, err := open(s.config)
	pprof.SetGoroutineLabels(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close() // when act fails for good
	act(t, s, h)
	begin := time.Now()
	if err := h.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(begin); took > 11*time.Second {
		t.Errorf("closing took %s", took)
	}
	if worst := slowest(); worst > usual {
		t.Errorf("the healthy plugin took %s to answer meanwhile", worst)
	}
	nothingIsLeft(t, s, label)
	s.oneLineEach(t, why)
}

// door is what both doors of the host have.
type door interface{ Close() error }

// ask gets the process's number from a plugin that serves it.
func ask(t *testing.T, r *host.Resolver) string {
	t.Helper()
	got, err := read(t, r, persona.PID, 30*time.Second)
	if err != nil {
		t.Fatalf("the plugin does not answer: %v", err)
	}
	return string(got.Value.Reveal())
}

// read makes one read with a deadline.
func read(t *testing.T, r *host.Resolver, ref secret.Ref, within time.Duration) (secret.Secret, error) {
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return r.Get(ctx, ref, secret.Current)
}

// watch reads from a healthy plugin until it is asked for the longest that a
// read took.
func watch(r *host.Resolver) (slowest func() time.Duration) {
	stop, result := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		worst := time.Duration(0)
		for {
			begin := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 3*usual)
			_, err := r.Get(ctx, persona.PID, secret.Current)
			cancel()
			if worst = max(worst, time.Since(begin)); err != nil {
				worst = max(worst, 3*usual)
			}
			select {
			case <-stop:
				result <- worst
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() time.Duration { close(stop); return <-result }
}

// until waits for the plugin to be in one of the states.
func until(t *testing.T, r *host.Resolver, within time.Duration, states ...supervise.State) supervise.Status {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		st := r.Status().Plugin
		if slices.Contains(states, st.State) {
			return st
		}
		if time.Now().After(end) {
			t.Fatalf("after %s the plugin is %s and not %v: %s", within, st.State, states, st.Problem)
		}
	}
}

// unavailable checks that a call fails at once, or at its deadline, because of
// the plugin's state and says why.
func unavailable(t *testing.T, r *host.Resolver, within time.Duration, why string) {
	t.Helper()
	begin := time.Now()
	_, err := read(t, r, persona.PID, within)
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), why) {
		t.Errorf("the caller was told %v, expected a word of %q", err, why)
	}
	if took := time.Since(begin); took > within+usual {
		t.Errorf("the caller waited %s", took)
	}
}

// nothingIsLeft checks for processes, goroutines and files.
func nothingIsLeft(t *testing.T, s *show, label string) {
	t.Helper()
	var left []string
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left = slices.Concat(processesOf(s.mark), goroutinesOf(label))
		if len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, what := range left {
		t.Errorf("still there after the end: %s", what)
	}
	entries, err := os.ReadDir(filepath.Join(s.config.DataFolder, "run"))
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("still in the run folder after the end: %s", e.Name())
		}
	}
}

// goroutinesOf returns the stacks of the goroutines that carry the label.
func goroutinesOf(label string) (stacks []string) {
	var all strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
	for _, one := range strings.Split(all.String(), "\n\n") {
		if strings.Contains(one, fmt.Sprintf("%q:%q", "show", label)) {
			stacks = append(stacks, one)
		}
	}
	return stacks
}

// line is one of the host's log lines.
type line map[string]any

// loud returns the warnings and errors of the log. Lines that the plugin wrote
// itself are not among them.
func (s *show) loud(t *testing.T) (lines []string) {
	t.Helper()
	for _, text := range strings.Split(strings.TrimSpace(s.logs.String()), "\n") {
		var l line
		if err := json.Unmarshal([]byte(text), &l); text != "" && err != nil {
			t.Errorf("the host's log has a broken line: %v: %.200q", err, text)
		}
		if (l["level"] == "WARN" || l["level"] == "ERROR") && l["msg"] != "plugin wrote an unstructured line" {
			lines = append(lines, text)
		}
	}
	return lines
}

// expect says that the log has exactly one warning with these words, in the end.
func (s *show) expect(words string) { s.expected = append(s.expected, words) }

// oneLineEach checks that each change of state that people should know of is
// told in one line, and that nothing else is told but what the test expected.
func (s *show) oneLineEach(t *testing.T, why []string) {
	t.Helper()
	changes := int(s.changes.Load())
	holds := func(l string) func(string) bool { return func(words string) bool { return strings.Contains(l, words) } }
	missing := slices.Clone(s.expected)
	for _, l := range s.loud(t) {
		n := slices.IndexFunc(missing, holds(l))
		switch {
		case !strings.Contains(l, `"plugin":"wayward"`):
			t.Errorf("a line that does not name the plugin: %s", l)
		case strings.Contains(l, `"msg":"plugin changed state"`) && slices.ContainsFunc(why, holds(l)):
			changes--
		case n >= 0:
			missing = slices.Delete(missing, n, n+1)
		case !slices.ContainsFunc(s.tolerated, holds(l)):
			t.Errorf("an unexpected line: %.2000s", l)
		}
	}
	if changes != 0 || len(missing) > 0 {
		t.Errorf("in the log %q are missing, and %d changes of state:\n%s", missing, changes, strings.Join(s.loud(t), "\n"))
	}
}
