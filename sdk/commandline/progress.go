package commandline

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// ProgressConfig says where and how progress is shown.
type ProgressConfig struct {
	Out io.Writer
	// Terminal draws a bar that moves; otherwise plain lines are written.
	Terminal bool
	// Unit is what is counted, as in "secrets".
	Unit string
	// Now is the clock.
	Now func() time.Time
}

// Progress tells people how far something is, with its rate and the time that is
// left. Its methods may be called concurrently; nil tells nobody.
type Progress struct {
	config ProgressConfig

	mu        sync.Mutex
	told      time.Time
	done, all int
	rate      float64 // a second, smoothed
	at        time.Time
	counted   int // at that time
	drawn     int // the width of what stands on the terminal
}

const (
	// drawEvery and lineEvery are how often people are told.
	drawEvery = 100 * time.Millisecond
	lineEvery = 2 * time.Second
	// rateOver is the time over which the rate is smoothed.
	rateOver = 5 * time.Second
	barWidth = 30
)

// NewProgress begins to count.
func NewProgress(c ProgressConfig) *Progress {
	now := c.Now()
	p := &Progress{config: c, at: now, told: now}
	if c.Terminal {
		p.told = now.Add(-drawEvery)
	}
	return p
}

// Set says that done of all are done.
func (p *Progress) Set(done, all int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.all = max(done, p.done), all
	now := p.config.Now()
	p.measure(now)
	every := lineEvery
	if p.config.Terminal {
		every = drawEvery
	}
	if now.Sub(p.told) < every {
		return
	}
	p.told = now
	p.tell()
}

// measure keeps the rate.
func (p *Progress) measure(now time.Time) {
	span := now.Sub(p.at)
	if span < time.Second {
		return
	}
	rate := float64(p.done-p.counted) / span.Seconds()
	weight := min(1, span.Seconds()/rateOver.Seconds())
	if p.rate == 0 {
		weight = 1
	}
	p.rate += weight * (rate - p.rate)
	p.at, p.counted = now, p.done
}

// End takes the bar away; what is written next begins a line.
func (p *Progress) End() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn > 0 {
		fmt.Fprintf(p.config.Out, "\r%s\r", strings.Repeat(" ", p.drawn))
		p.drawn = 0
	}
}

func (p *Progress) tell() {
	text := fmt.Sprintf("%d of %d %s", p.done, p.all, p.config.Unit)
	if p.rate > 0 {
		text += fmt.Sprintf(", %.0f a second", p.rate)
		if left := time.Duration(float64(p.all-p.done) / p.rate * float64(time.Second)); p.done < p.all {
			text += ", " + left.Round(time.Second).String() + " left"
		}
	}
	if !p.config.Terminal {
		fmt.Fprintln(p.config.Out, text)
		return
	}
	full := 0
	if p.all > 0 {
		full = min(barWidth, p.done*barWidth/p.all)
	}
	text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "] " + text
	fmt.Fprintf(p.config.Out, "\r%s%s", text, strings.Repeat(" ", max(0, p.drawn-len(text))))
	p.drawn = len(text)
}
