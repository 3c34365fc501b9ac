package service

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// Numbers of the events in the event log. They are part of the product's interface:
// monitoring depends on them, and EventCreate.exe, which shows them, knows 1 to 1000.
const (
	EventStarted = 1
	EventStopped = 2
	EventFailed  = 3
	EventWarning = 100
	EventError   = 200
)

// eventLog is the event log of the system; see eventlog.Log of x/sys.
type eventLog interface {
	Info(id uint32, text string) error
	Warning(id uint32, text string) error
	Error(id uint32, text string) error
}

// maxEvent is less than the 31,839 characters that Windows takes (ReportEvent).
const maxEvent = 30_000

// eventText makes a text fit for the event log, which ends at a zero.
func eventText(text string) string {
	text = strings.ReplaceAll(text, "\x00", " ")
	if len(text) > maxEvent {
		text = strings.ToValidUTF8(text[:maxEvent], "") + " ..."
	}
	return text
}

// events is a handler that writes warnings and errors to the event log: the message,
// and the fields below it.
type events struct {
	log  eventLog
	text slog.Handler // writes to said
	said *bytes.Buffer
	mu   *sync.Mutex
}

func newEvents(log eventLog) *events {
	e := &events{log: log, said: &bytes.Buffer{}, mu: &sync.Mutex{}}
	e.text = slog.NewTextHandler(e.said, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		// The event log has a time and a level of its own, and the message is first.
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}})
	return e
}

// Enabled takes warnings and errors.
func (e *events) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle writes one event.
func (e *events) Handle(ctx context.Context, r slog.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said.Reset()
	if err := e.text.Handle(ctx, r); err != nil {
		return err
	}
	text := eventText(r.Message + "\r\n\r\n" + e.said.String())
	if r.Level >= slog.LevelError {
		return e.log.Error(EventError, text)
	}
	return e.log.Warning(EventWarning, text)
}

// WithAttrs returns a handler whose events have the attributes too.
func (e *events) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *e
	c.text = e.text.WithAttrs(attrs)
	return &c
}

// WithGroup returns a handler whose later attributes are in the group.
func (e *events) WithGroup(name string) slog.Handler {
	c := *e
	c.text = e.text.WithGroup(name)
	return &c
}
