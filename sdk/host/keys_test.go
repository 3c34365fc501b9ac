package host_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

func keys(t *testing.T, config string, logs *logtest.Buffer) host.Keys {
	t.Helper()
	return host.Keys{Silence: 20 * time.Second, Config: host.Config{
		Choice: choice(config), DataFolder: shortFolder(t), LogLevel: slog.LevelInfo, Tracer: tracenoop.NewTracerProvider(),
		Logger: slog.New(slog.NewJSONHandler(logs, nil)),
	}}
}

func TestKeysAreAdministeredByTheBinary(t *testing.T) {
	var logs logtest.Buffer
	k := keys(t, `{"Keys":"canary-4f1c-value"}`, &logs)
	status, err := k.Status(t.Context())
	// Its configuration reached it, and nothing of our environment: ALLOWED, the
	// level of its log, the mark of the folder, and what a system adds; Wine adds more.
	few := len(status.Place) == 1 || runtime.GOOS == "windows"
	if err != nil || status.Newest != "k1" || status.Keys[0].Secrets != 2 || status.Protection != "canary-4f1c-value" || !few {
		t.Errorf("status %+v, %v", status, err)
	}
	var seen []int
	rotation, err := k.Rotate(t.Context(), func(p provider.KeyProgress) { seen = append(seen, p.Done) })
	if err != nil || rotation.Key != "k2" || rotation.Failed != 1 || rotation.Failures[0].Ref != "secret://a" || !slices.Equal(seen, []int{0, 1, 2, 3}) {
		t.Errorf("rotation %+v after %v, %v", rotation, seen, err)
	}
	if gone, err := k.Retire(t.Context()); err != nil || !slices.Equal(gone.Retired, []string{"k1"}) {
		t.Errorf("retirement %+v, %v", gone, err)
	}
	if text := logs.String(); !strings.Contains(text, "key command") || strings.Contains(text, canary) {
		t.Errorf("the log is %s", text)
	}
}

func TestKeyCommandsThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		reason fault.Reason
		words  []string
	}{
		"with an outcome of the provider":      {`{"Keys":"fails"}`, fault.AccessDenied, []string{"another's", "Secrets:Plugins:mem:Config:DataFolder"}},
		"by a panic":                           {`{"Keys":"panics"}`, fault.Internal, []string{"panicked"}},
		"by dying":                             {`{"Keys":"dies"}`, fault.Unavailable, []string{"exit status 7", "last words"}},
		"by writing what is no event":          {`{"Keys":"talks"}`, fault.Internal, []string{"no event"}},
		"with a configuration refused":         {`{"Refuse":true}`, fault.ConfigInvalid, []string{"told to refuse", "second problem"}},
		"with a configuration that is no JSON": {`canary-4f1c-value`, fault.ConfigInvalid, []string{"configuration"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logs logtest.Buffer
			_, err := keys(t, test.config, &logs).Rotate(t.Context(), nil)
			if fault.Of(err) != test.reason {
				t.Fatalf("got %v, want %v", err, test.reason)
			}
			for _, word := range test.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v lacks %q", err, word)
				}
			}
			if strings.Contains(err.Error()+logs.String(), canary) {
				t.Errorf("the error or the log says too much: %v\n%s", err, logs.String())
			}
		})
	}
}

func TestKeyCommandOfAChangedFileIsNotRun(t *testing.T) {
	var logs logtest.Buffer
	k := keys(t, `{}`, &logs)
	k.Config.Choice.Plugin.SHA256 = strings.Repeat("0", 64)
	if _, err := k.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("got %v", err)
	}
	k.Config.Choice.Problem = errors.New("there is no lock file")
	if _, err := k.Status(t.Context()); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "lock file") {
		t.Errorf("got %v", err)
	}
}

func TestKeyCommandEndsInTime(t *testing.T) {
	for name, test := range map[string]struct {
		does    string
		silence time.Duration
		cancel  bool
		within  time.Duration
	}{
		"when its caller gives up":                {"hangs", time.Minute, true, 5 * time.Second},
		"when its caller gives up and it ignores": {"ignores its end", time.Minute, true, 20 * time.Second},
		"when it says nothing any more":           {"ignores its end", 2 * time.Second, false, 20 * time.Second},
		"when it says nothing at all":             {"hangs", 500 * time.Millisecond, false, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logs logtest.Buffer
			k := keys(t, fmt.Sprintf(`{"Keys":%q}`, test.does), &logs)
			k.Silence = test.silence
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.cancel {
				time.AfterFunc(time.Second, cancel)
			}
			start := time.Now()
			var pid atomic.Int64
			_, err := k.Rotate(ctx, func(p provider.KeyProgress) { pid.Store(int64(p.Total)) })
			if p := fmt.Sprint(pid.Load()); p != "0" && alive(p) {
				t.Errorf("process %s still runs", p)
			}
			if test.cancel != errors.Is(err, context.Canceled) || test.cancel == fault.Is(err, fault.Timeout) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > test.within {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestProgressKeepsACommandAlive(t *testing.T) {
	var logs logtest.Buffer
	k := keys(t, `{"SlowMillis":1000}`, &logs)
	k.Silence = 3 * time.Second // less than the four waits together
	if _, err := k.Rotate(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
