package api

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
)

const (
	// settled is how long after its end an hour gets no more runs: longer than clocks
	// of hosts differ and commits take.
	settled = 30 * time.Minute
	// mostDurations are remembered, four bytes each. What is more is read each time.
	mostDurations = 4_000_000
	// mostHours are remembered, which is more than twenty years; whoever may look at
	// statistics may ask for any.
	mostHours = 200_000
)

// hour are the imports that ended in one.
type hour struct {
	RunBucket
	// seconds that those took which succeeded or failed, the shortest first.
	seconds []float32
}

// hours reads the imports of a time, hour by hour, and remembers the hours to which
// nothing is added any more: a month of a large installation has a third of a
// million imports, and everybody who looks at the overview asks for it again and
// again. It is safe for concurrent use.
type hours struct {
	read func(ctx context.Context, from, to time.Time, visit func(store.FinishedRun)) error
	// turn is held by who reads or looks; others who wait then find what it read.
	turn  chan struct{}
	known map[int64]*hour // by the hour since 1970
	kept  int             // how many durations known has
}

func newHours(read func(context.Context, time.Time, time.Time, func(store.FinishedRun)) error) *hours {
	return &hours{read: read, turn: make(chan struct{}, 1), known: map[int64]*hour{}}
}

// between returns each hour from one time to the other, both of which are whole
// hours, to be read only.
func (h *hours) between(ctx context.Context, from, to, now time.Time) ([]*hour, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	first := from.Unix() / 3600
	list := make([]*hour, to.Unix()/3600-first)
	for i := 0; i < len(list); {
		if list[i] = h.known[first+int64(i)]; list[i] != nil {
			i++
			continue
		}
		end := i + 1
		for end < len(list) && h.known[first+int64(end)] == nil {
			end++
		}
		if err := h.fill(ctx, list[i:end], from.Add(time.Duration(i)*time.Hour), now); err != nil {
			return nil, err
		}
		i = end
	}
	return list, nil
}

// fill reads hours that are not known, from that one on.
func (h *hours) fill(ctx context.Context, list []*hour, from, now time.Time) error {
	for i := range list {
		list[i] = &hour{}
	}
	err := h.read(ctx, from, from.Add(time.Duration(len(list))*time.Hour), func(r store.FinishedRun) {
		of := list[r.Finished.Sub(from)/time.Hour]
		of.add(r)
		if r.Status == store.Succeeded || r.Status == store.Failed {
			of.seconds = append(of.seconds, float32(r.Finished.Sub(r.Started).Seconds()))
		}
	})
	if err != nil {
		return err
	}
	for i, one := range list {
		slices.Sort(one.seconds)
		begins := from.Add(time.Duration(i) * time.Hour)
		if len(h.known) >= mostHours { // it begins anew, and goes on with what is asked for now
			clear(h.known)
			h.kept = 0
		}
		if now.Sub(begins) >= time.Hour+settled && h.kept+len(one.seconds) <= mostDurations {
			one.seconds = slices.Clip(one.seconds)
			h.kept += len(one.seconds)
			h.known[begins.Unix()/3600] = one
		}
	}
	return nil
}

// together returns what a number of hours have together.
func together(of []*hour) (b RunBucket) {
	all := make([][]float32, 0, len(of))
	for _, one := range of {
		b.Runs.Succeeded += one.Runs.Succeeded
		b.Runs.Failed += one.Runs.Failed
		b.Runs.Interrupted += one.Runs.Interrupted
		b.Runs.Cancelled += one.Runs.Cancelled
		b.Objects.Added += one.Objects.Added
		b.Objects.Updated += one.Objects.Updated
		b.Objects.Absent += one.Objects.Absent
		b.Objects.Failed += one.Objects.Failed
		all = append(all, one.seconds)
	}
	b.Duration = quantiles(slices.Concat(all...))
	return b
}

// quantiles sorts the durations. Each quantile is one of them: the smallest that at
// least so many do not exceed.
func quantiles(of []float32) *Quantiles {
	if len(of) == 0 {
		return nil
	}
	slices.Sort(of)
	at := func(q float64) float64 {
		rank := max(1, int(math.Ceil(q*float64(len(of)))))
		return math.Round(max(0, float64(of[rank-1]))*1000) / 1000
	}
	return &Quantiles{P50: at(.5), P90: at(.9), P99: at(.99), Max: at(1)}
}
