package service_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/identitymesh/identitymesh/engine/service"
)

// eventLog notes what it is given.
type eventLog struct{ events []string }

func (l *eventLog) add(kind string, id uint32, text string) error {
	l.events = append(l.events, fmt.Sprint(kind, id, " ", text))
	return nil
}
func (l *eventLog) Info(id uint32, text string) error    { return l.add("info", id, text) }
func (l *eventLog) Warning(id uint32, text string) error { return l.add("warning", id, text) }
func (l *eventLog) Error(id uint32, text string) error   { return l.add("error", id, text) }

func TestWarningsAndErrorsBecomeEvents(t *testing.T) {
	var log eventLog
	logger := slog.New(service.NewEvents(&log))
	logger.Debug("nobody sees this")
	logger.Info("nor this")
	logger.Warn("watch out", "path", "C:\\x", "words", "two words")
	logger.With("run_id", 7).WithGroup("g").Error("it broke", "msg", "kept", "error", "disk\x00full")
	logger.Error("again")
	want := []string{
		"warning100 watch out\r\n\r\npath=C:\\x words=\"two words\"\n",
		"error200 it broke\r\n\r\nrun_id=7 g.msg=kept g.error=\"disk\\x00full\"\n",
		"error200 again\r\n\r\n\n",
	}
	if !slices.Equal(log.events, want) {
		t.Errorf("got  %q\nwant %q", log.events, want)
	}
}

func TestEventFitsTheLog(t *testing.T) {
	var log eventLog
	slog.New(service.NewEvents(&log)).Error("a\x00b" + strings.Repeat("ü", 40_000))
	if got := log.events[0]; len(got) > 31_000 || strings.Contains(got, "\x00") || !strings.HasSuffix(got, "ü ...") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-10:])
	}
}

func TestEventsOfManyStayApart(t *testing.T) {
	var log eventLog
	logger := slog.New(service.NewEvents(&log))
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { logger.With("i", i).Warn("w") })
	}
	all.Wait()
	for i := range 20 {
		if want := fmt.Sprintf("warning100 w\r\n\r\ni=%d\n", i); !slices.Contains(log.events, want) {
			t.Errorf("%q is missing in %q", want, log.events)
		}
	}
}
