package commandline_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/commandline"
)

func TestOptionsMayStandAnywhere(t *testing.T) {
	shape := commandline.Shape{
		Shared: map[string]bool{"config": true, "verbose": false},
		Own:    map[string]bool{"only": true, "dry-run": false},
		Groups: map[string]bool{"key": true},
	}
	for name, c := range map[string]struct{ args, want string }{
		"shared options go to the front":       {"p run a --config f", "p --config f run -- a"},
		"own options go behind the command":    {"p --only x run a", "p run --only x -- a"},
		"a switch takes no argument":           {"p run --dry-run a --verbose b", "p --verbose run --dry-run -- a b"},
		"a joined argument stays joined":       {"p run --only=x --config=f", "p --config=f run --only=x --"},
		"what is behind dashes is no option":   {"p run -- --only", "p run -- --only"},
		"a command within a group is of both":  {"p key --only x rotate a", "p key rotate --only x -- a"},
		"a group alone keeps its options":      {"p key --only x", "p key --only x"},
		"a dash alone is an argument":          {"p run -", "p run -- -"},
		"an option at the end lacks its value": {"p run --only", "p run --only --"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(shape.Arrange(strings.Fields(c.args)), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := shape.Arrange(nil); len(got) != 0 {
		t.Errorf("nothing becomes %q", got)
	}
}

// flag is one of a parser's.
type flag []string

func (f flag) Names() []string  { return f }
func (f flag) TakesValue() bool { return f[0] != "verbose" }

func TestEveryNameOfAFlagTakesWhatTheFlagTakes(t *testing.T) {
	got := commandline.Takes([]interface{ Names() []string }{flag{"config", "c"}, flag{"verbose", "v"}})
	if want := map[string]bool{"config": true, "c": true, "verbose": false, "v": false}; !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestTheLastWordAboutAnOptionCounts(t *testing.T) {
	args := []string{"p", "--output", "text", "--output=json", "run"}
	if got := commandline.Option(args, "output"); got != "json" {
		t.Errorf("got %q", got)
	}
	if got := commandline.Option(args, "config"); got != "" {
		t.Errorf("got %q", got)
	}
	if i := slices.Index(args, "run"); i < 0 {
		t.Error("the arguments were changed")
	}
}

// clock is moved by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func TestProgressInPlainLinesTellsRateAndTimeLeft(t *testing.T) {
	var out bytes.Buffer
	c := &clock{now: time.Unix(1000, 0)}
	p := commandline.NewProgress(commandline.ProgressConfig{Out: &out, Unit: "secrets", Now: c.Now})
	for i := range 100 {
		p.Set(i+1, 1000)
		c.now = c.now.Add(100 * time.Millisecond)
	}
	p.End()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[3], "of 1000 secrets, 10 a second, 1m3") || strings.Contains(out.String(), "\r") {
		t.Errorf("got %q", lines)
	}
}

func TestProgressOnATerminalIsABarThatGoesAway(t *testing.T) {
	var out bytes.Buffer
	c := &clock{now: time.Unix(1000, 0)}
	p := commandline.NewProgress(commandline.ProgressConfig{Out: &out, Terminal: true, Unit: "secrets", Now: c.Now})
	p.Set(1, 2)
	p.Set(2, 2) // too soon to be drawn
	p.End()
	text := out.String()
	if !strings.HasPrefix(text, "\r[===============               ] 1 of 2 secrets") || strings.Contains(text, "2 of 2") || !strings.HasSuffix(text, " \r") {
		t.Errorf("got %q", text)
	}
	var none *commandline.Progress
	none.Set(1, 2) // tells nobody
	none.End()
}
