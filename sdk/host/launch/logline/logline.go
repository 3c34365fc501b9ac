// Package logline reads what a plugin writes to stderr: structured log lines
// become records of the host's log, anything else a line of its own. It distrusts
// every byte: lines have a size, floods are counted instead of logged, no line
// can disturb the host, and the text of a panic is withheld. Start reading at
// [Reader].
package logline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// MaxLineBytes is the longest line that is kept; the rest is cut off.
	MaxLineBytes = 16 << 10
	// KeepLines is how many of the last lines are kept for crash reports, and
	// keepBytes how much of each.
	KeepLines = 200
	keepBytes = 1 << 10
	// Rate and Burst limit how many lines a second reach the host's log.
	Rate  = 200
	Burst = 1000
)

// Config of a [Reader].
type Config struct {
	// Logger receives the records; it already names the plugin.
	Logger *slog.Logger
	// Now is the clock of the rate limit.
	Now func() time.Time
}

// Reader takes in one process's stderr. Its methods may be called concurrently.
type Reader struct {
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	panics  panicFilter
	tokens  float64
	at      time.Time
	dropped int
	kept    []string // a ring
	next    int
}

// New returns a reader.
func New(c Config) *Reader {
	return &Reader{logger: c.Logger, now: c.Now, tokens: Burst, at: c.Now()}
}

// Read takes lines until r ends. It returns when r does and never fails: a
// reader that stopped early would block the plugin on a full pipe.
func (l *Reader) Read(r io.Reader) {
	in := bufio.NewReaderSize(r, MaxLineBytes)
	for {
		line, err := in.ReadSlice('\n')
		text := string(trim(line))
		cut := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if text != "" {
			l.take(text, cut)
		}
		if err != nil {
			l.flushDropped()
			return
		}
	}
}

// Write takes in text as [Reader.Read] does, for streams that are pushed.
func (l *Reader) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line := rest
		if i := indexNewline(rest); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		cut := len(line) > MaxLineBytes
		if cut {
			line = line[:MaxLineBytes]
		}
		if text := string(trim(line)); text != "" {
			l.take(text, cut)
		}
	}
	return len(p), nil
}

// Last returns the last lines, oldest first, for a crash report.
func (l *Reader) Last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(append([]string{}, l.kept[l.next:]...), l.kept[:l.next]...)
}

func (l *Reader) take(text string, cut bool) {
	record, err := parse(text)
	dropped, text, pass := l.admit(text, err == nil)
	if !pass {
		return
	}
	if dropped > 0 {
		l.logDropped(dropped)
	}
	if err != nil {
		l.logger.Warn("plugin wrote an unstructured line", "line", text, "cut", cut)
		return
	}
	l.logger.LogAttrs(context.Background(), record.level, record.message, record.attrs...)
}

// admit keeps the line as far as it may be shown, and says whether the rate limit
// lets it pass, and how many were dropped before it.
func (l *Reader) admit(text string, structured bool) (dropped int, show string, pass bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !structured {
		if text, pass = l.panics.show(text); !pass {
			return 0, "", false
		}
	}
	short := text
	if len(short) > keepBytes {
		short = short[:keepBytes] + "…"
	}
	if len(l.kept) < KeepLines {
		l.kept = append(l.kept, short)
	} else {
		l.kept[l.next] = short
		l.next = (l.next + 1) % KeepLines
	}
	now := l.now()
	l.tokens = min(Burst, l.tokens+now.Sub(l.at).Seconds()*Rate)
	l.at = now
	if l.tokens < 1 {
		l.dropped++
		return 0, "", false
	}
	l.tokens--
	dropped, l.dropped = l.dropped, 0
	return dropped, text, true
}

func (l *Reader) flushDropped() {
	l.mu.Lock()
	dropped := l.dropped
	l.dropped = 0
	l.mu.Unlock()
	if dropped > 0 {
		l.logDropped(dropped)
	}
}

func (l *Reader) logDropped(n int) {
	l.logger.Warn("plugin wrote more lines than are logged", "dropped", n, "limit", fmt.Sprintf("%d lines/s", Rate))
}
