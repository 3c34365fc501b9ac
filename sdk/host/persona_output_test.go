package host_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/conformance/persona"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/launch/logline"
)

// These two keep a processor busy, so they are not run beside the others.

func TestFloodOfLogLinesIsCountedAndNotLogged(t *testing.T) {
	s := newShow(t, "stderr-flood")
	begin := time.Now()
	s.tolerated = []string{"plugin wrote more lines than are logged", "the sky is falling"}
	playOpened(t, s, nil, host.OpenResolver, func(t *testing.T, s *show, r *host.Resolver) {
		for range 20 {
			ask(t, r)
			time.Sleep(100 * time.Millisecond)
		}
	})
	logs := s.logs.String()
	most := logline.Burst + int(time.Since(begin).Seconds()*logline.Rate)
	if n := strings.Count(logs, "the sky is falling"); n < logline.Burst/2 || n > most {
		t.Errorf("%d lines were logged, at most %d may be", n, most)
	}
	// The count comes with the next line that passes, so at most once for each.
	if n := strings.Count(logs, "plugin wrote more lines than are logged"); n == 0 || n > most {
		t.Errorf("the log says %d times that lines were dropped", n)
	}
}

func TestFloodOnStdoutBlocksNobody(t *testing.T) {
	play(t, "chatty-after", nil, func(t *testing.T, s *show, r *host.Resolver) {
		for range 10 {
			ask(t, r)
			time.Sleep(100 * time.Millisecond)
		}
		if _, err := read(t, r, persona.Trigger, 30*time.Second); fault.Of(err) != fault.NotFound {
			t.Errorf("a call that writes 6 MiB to stdout ended with %v", err)
		}
		s.expect("plugin writes to stdout after its handshake line")
	})
}

func TestOneWordOnStdoutIsToldOnce(t *testing.T) {
	t.Parallel()
	play(t, "one-word-after", nil, func(t *testing.T, s *show, r *host.Resolver) {
		ask(t, r)
		s.expect("plugin writes to stdout after its handshake line")
	})
}

func TestHostileLogLinesAreTextAndNothingMore(t *testing.T) {
	t.Parallel()
	s := newShow(t, "hostile-logs")
	playOpened(t, s, nil, host.OpenResolver, func(t *testing.T, s *show, r *host.Resolver) {
		ask(t, r)
		for end := time.Now().Add(10 * time.Second); !strings.Contains(s.logs.String(), "many fields"); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the log did not arrive")
			}
		}
		ask(t, r)
	})
	lines := strings.Split(strings.TrimSpace(s.logs.String()), "\n")
	if most := len(persona.HostileLines()) + 20; len(lines) > most {
		t.Errorf("%d lines came of %d", len(lines), most)
	}
	for _, text := range lines {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("a broken line: %v: %.200q", err, text)
		}
		// Six bytes of JSON for one of the line, as in \u0000, and what the host adds.
		if len(text) > 6*logline.MaxLineBytes+1000 {
			t.Errorf("a line of %d bytes: %.200s", len(text), text)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("control characters reached the log: %.200q", text)
		}
		if l["plugin"] != "wayward" && l["plugin"] != nil {
			t.Errorf("the plugin speaks in the name of %v: %.200s", l["plugin"], text)
		}
	}
}
