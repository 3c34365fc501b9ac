package live

import (
	"strconv"
	"strings"

	"github.com/identitymesh/identitymesh/engine/store"
)

// Position is how far a listener of all runs has heard, as text for clients.
type Position string

// Position of a change.
func (b *Broadcaster) Position(c Change) Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Position(b.epoch + "." + strconv.FormatUint(c.Number, 10))
}

// number returns the number in a position of that epoch.
func (p Position) number(epoch string) (uint64, bool) {
	text, ok := strings.CutPrefix(string(p), epoch+".")
	if !ok || epoch == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

// tell gives each listener what concerns it, and reports whether there is any
// listener.
func (b *Broadcaster) tell(found found, w *watch) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running = w.running; w.begun {
		b.isReady()
	}
	var all News
	ofRun := map[string]News{}
	for _, l := range found.lines {
		c := b.cursors[l.RunID]
		if c == nil || l.ID <= c.after {
			continue // everybody left meanwhile
		}
		c.after = l.ID
		news := ofRun[l.RunID]
		news.Lines = append(news.Lines, Line{ID: l.ID, JSON: b.config.Log(l)})
		ofRun[l.RunID] = news
	}
	for _, r := range found.runs {
		b.number++
		change := b.change(r, b.number)
		all.Changes = append(all.Changes, change)
		news := ofRun[r.ID]
		news.Changes = append(news.Changes, change)
		ofRun[r.ID] = news
	}
	b.recent = append(b.recent, all.Changes...)
	if more := len(b.recent) - backlog; more > 0 {
		b.recent = append([]Change(nil), b.recent[more:]...)
	}
	for l := range b.listeners {
		news := all
		if l.runID != "" {
			news = ofRun[l.runID]
		}
		if len(news.Lines)+len(news.Changes) == 0 {
			continue
		}
		select {
		case l.News <- news:
		default:
			b.drop(l)
		}
	}
	return len(b.listeners) > 0
}

func (b *Broadcaster) change(r store.Run, number uint64) Change {
	return Change{Number: number, RunID: r.ID, JSON: b.config.Run(r), Ended: !r.Finished.IsZero()}
}
