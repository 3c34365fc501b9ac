package logline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/launch/logline"
)

func read(t testing.TB, input string, now func() time.Time) (records []map[string]any, r *logline.Reader) {
	t.Helper()
	var out bytes.Buffer
	if now == nil {
		start := time.Unix(0, 0)
		now = func() time.Time { return start }
	}
	r = logline.New(logline.Config{Logger: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: now})
	r.Read(strings.NewReader(input))
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("the host logged %q: %v", line, err)
		}
		records = append(records, m)
	}
	return records, r
}

func TestLines(t *testing.T) {
	cases := []struct {
		name, line      string
		level, msg, key string
		value           any
	}{
		{"structured line keeps level, message and fields", `{"time":"x","level":"ERROR","msg":"boom","ref":"secret://a"}`, "ERROR", "boom", "ref", "secret://a"},
		{"number stays a number", `{"level":"INFO","msg":"m","n":3}`, "INFO", "m", "n", 3.0},
		{"nested field becomes its JSON", `{"level":"INFO","msg":"m","o":{"a":[1]}}`, "INFO", "m", "o", `{"a":[1]}`},
		{"plain text is unstructured", `oh no`, "WARN", "plugin wrote an unstructured line", "line", "oh no"},
		{"numeric message is unstructured", `{"level":"INFO","msg":7}`, "WARN", "plugin wrote an unstructured line", "line", `{"level":"INFO","msg":7}`},
		{"numeric @message does no harm", `{"@message":7,"@level":"info"}`, "WARN", "plugin wrote an unstructured line", "line", `{"@message":7,"@level":"info"}`},
		{"unknown level is unstructured", `{"level":"LOUD","msg":"m"}`, "WARN", "plugin wrote an unstructured line", "line", `{"level":"LOUD","msg":"m"}`},
		{"level above ERROR is ERROR", `{"level":"ERROR+9","msg":"m"}`, "ERROR", "m", "", nil},
		{"name of another plugin is left out", `{"level":"INFO","msg":"m","plugin":"other"}`, "INFO", "m", "plugin", nil},
		{"JSON array is unstructured", `[1,2]`, "WARN", "plugin wrote an unstructured line", "line", "[1,2]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, _ := read(t, c.line+"\n", nil)
			if len(got) != 1 || got[0]["level"] != c.level || got[0]["msg"] != c.msg {
				t.Fatalf("got %v", got)
			}
			if c.key != "" && got[0][c.key] != c.value {
				t.Errorf("field %s: got %v, want %v", c.key, got[0][c.key], c.value)
			}
		})
	}
}

func TestLongLineIsCutAndTheNextOneIsWhole(t *testing.T) {
	got, _ := read(t, strings.Repeat("x", 3*logline.MaxLineBytes)+"\nnext\n", nil)
	if len(got) != 2 || got[0]["cut"] != true || len(got[0]["line"].(string)) != logline.MaxLineBytes || got[1]["line"] != "next" {
		t.Fatalf("got %d records: %.100v", len(got), got)
	}
}

func TestFloodIsCountedInsteadOfLogged(t *testing.T) {
	var in strings.Builder
	for i := range logline.Burst + 500 {
		fmt.Fprintf(&in, "line %d\n", i)
	}
	got, r := read(t, in.String(), nil)
	last := got[len(got)-1]
	if len(got) != logline.Burst+1 || last["dropped"] != 500.0 {
		t.Fatalf("got %d records, the last %v", len(got), last)
	}
	if kept := r.Last(); len(kept) != logline.KeepLines || kept[len(kept)-1] != fmt.Sprintf("line %d", logline.Burst+499) {
		t.Errorf("kept %d lines", len(kept))
	}
}

func TestRateLimitRecoversWithTime(t *testing.T) {
	now := time.Unix(0, 0)
	var in strings.Builder
	for range 2 * logline.Burst {
		in.WriteString("x\n")
	}
	got, _ := read(t, in.String(), func() time.Time { now = now.Add(time.Second / logline.Rate); return now })
	if len(got) != 2*logline.Burst {
		t.Errorf("at the allowed rate %d of %d lines were logged", len(got), 2*logline.Burst)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"level":"INFO","msg":"m","a":1}` + "\n", `{"@message":1}`, "panic\r\n\n", "{\"level\":\"WARN\",\"msg\":\"\xff\"}", `{"level":"INFO","msg":"m","a":1e999}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, r := read(t, string(in), nil)
		lines := 0
		for _, l := range strings.Split(string(in), "\n") {
			if strings.TrimRight(l, "\r\n") != "" {
				lines++
			}
		}
		if len(got) > lines+1 {
			t.Fatalf("%d records out of %d lines", len(got), lines)
		}
		if len(r.Last()) > logline.KeepLines {
			t.Fatal("kept too many lines")
		}
	})
}
