package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
)

// RunStatistics are the imports of a time, bucket by bucket.
type RunStatistics struct {
	Bucket string      `json:"bucket" enum:"hour,day"`
	From   time.Time   `json:"from" doc:"Where the first bucket begins."`
	To     time.Time   `json:"to" doc:"Where the last bucket ends."`
	Items  []RunBucket `json:"items" nullable:"false" doc:"One for each hour or day in UTC, the oldest first, also where nothing ended."`
	Total  RunBucket   `json:"total" doc:"All of them together."`
}

// RunBucket are the imports that ended in an hour or a day.
type RunBucket struct {
	From     time.Time    `json:"from"`
	Runs     RunNumbers   `json:"runs" doc:"How many ended, by how."`
	Objects  ObjectCounts `json:"objects" doc:"What they did together."`
	Duration *Quantiles   `json:"durationSeconds,omitempty" doc:"Of those that succeeded or failed, from start to end; absent when there are none."`
}

// RunNumbers are numbers of runs.
type RunNumbers struct {
	Succeeded   int64 `json:"succeeded"`
	Failed      int64 `json:"failed"`
	Interrupted int64 `json:"interrupted"`
	Cancelled   int64 `json:"cancelled"`
}

// ObjectCounts are numbers of objects.
type ObjectCounts struct {
	Added   int64 `json:"added"`
	Updated int64 `json:"updated"`
	Absent  int64 `json:"absent"`
	Failed  int64 `json:"failed" doc:"Read and not understood."`
}

// Quantiles of durations in seconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// RunDuration is how long an import of a connector took.
type RunDuration struct {
	RunID   string    `json:"runId"`
	Kind    string    `json:"kind" enum:"full,delta"`
	Status  string    `json:"status"`
	Started time.Time `json:"started,omitzero"`
	Seconds float64   `json:"seconds" doc:"From the start to the end, or to now."`
	Counts  Counts    `json:"counts"`
}

const (
	// mostBuckets is a leap year of days, or two weeks and more of hours.
	mostBuckets = 400
	// byDefault buckets are shown.
	hoursByDefault, daysByDefault = 24, 30
)

func (a *API) statistics() {
	register(a, authz.RunsRead, huma.Operation{
		OperationID: "get-run-statistics", Method: http.MethodGet, Path: "/api/statistics/runs", Tags: []string{tagRuns},
		Summary: "Read how many imports ended how, and how long they took", Description: "Tests of connectors are left out.",
	}, a.runStatistics)
	register(a, authz.RunsRead, huma.Operation{
		OperationID: "list-run-durations", Method: http.MethodGet, Path: "/api/statistics/durations", Tags: []string{tagRuns},
		Summary: "List how long the latest imports of a connector took, the newest first",
	}, a.runDurations)
}

type statisticsInput struct {
	Bucket      string    `query:"bucket" enum:"hour,day" default:"hour" doc:"What to count by."`
	From        time.Time `query:"from" doc:"The bucket that this lies in is the first; 24 hours or 30 days back when left out."`
	To          time.Time `query:"to" doc:"The bucket before which to end, if this does not lie within it; now when left out."`
	ConnectorID string    `query:"connectorId" maxLength:"36" doc:"Only this connector's imports."`
}

// buckets returns where the first begins, how long each is and how many there are.
func (in statisticsInput) buckets(now time.Time) (from time.Time, width time.Duration, n int, err error) {
	width, n = time.Hour, hoursByDefault
	if in.Bucket == "day" {
		width, n = 24*time.Hour, daysByDefault
	}
	to := in.To
	if to.IsZero() {
		to = now
	}
	end := to.UTC().Truncate(width)
	if end.Before(to) {
		end = end.Add(width)
	}
	from = end.Add(-time.Duration(n) * width)
	if !in.From.IsZero() {
		from = in.From.UTC().Truncate(width)
	}
	if !writable(end) || !writable(from) {
		return from, width, 0, problem.Invalid(problem.Item{Path: "query:to", Message: timeExpected})
	}
	if !from.Before(end) {
		return from, width, 0, problem.Invalid(problem.Item{Path: "query:from", Message: "it must be before to"})
	}
	if span := end.Sub(from); span > mostBuckets*width {
		return from, width, 0, problem.Invalid(problem.Item{Path: "query:from", Message: fmt.Sprintf("at most %d buckets can be asked for at a time", mostBuckets)})
	}
	return from, width, int(end.Sub(from) / width), nil
}

func (a *API) runStatistics(ctx context.Context, in *statisticsInput) (*struct{ Body RunStatistics }, error) {
	from, width, n, err := in.buckets(a.Now())
	if err != nil {
		return nil, err
	}
	of := a.hours
	if in.ConnectorID != "" { // few, and through an index of their own
		of = newHours(func(ctx context.Context, from, to time.Time, visit func(store.FinishedRun)) error {
			return a.Store.EachFinished(ctx, in.ConnectorID, from, to, visit)
		})
	}
	out := RunStatistics{Bucket: in.Bucket, From: from, To: from.Add(time.Duration(n) * width), Items: make([]RunBucket, n)}
	list, err := of.between(ctx, out.From, out.To, a.Now())
	if err != nil {
		return nil, err
	}
	each := int(width / time.Hour)
	for i := range out.Items {
		out.Items[i] = together(list[i*each : (i+1)*each])
		out.Items[i].From = from.Add(time.Duration(i) * width)
	}
	out.Total = together(list)
	out.Total.From = from
	return &struct{ Body RunStatistics }{out}, nil
}

func (b *RunBucket) add(r store.FinishedRun) {
	switch r.Status {
	case store.Succeeded:
		b.Runs.Succeeded++
	case store.Failed:
		b.Runs.Failed++
	case store.Interrupted:
		b.Runs.Interrupted++
	case store.Cancelled:
		b.Runs.Cancelled++
	}
	b.Objects.Added += r.Counts.Added
	b.Objects.Updated += r.Counts.Updated
	b.Objects.Absent += r.Counts.Absent
	b.Objects.Failed += r.Counts.Failed
}

func (a *API) runDurations(ctx context.Context, in *struct {
	ConnectorID string `query:"connectorId" required:"true" maxLength:"36"`
	Limit       int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many of its latest runs to look at."`
}) (*struct {
	Body struct {
		Items []RunDuration `json:"items" nullable:"false"`
	}
}, error) {
	runs, err := a.Store.ListRuns(ctx, store.RunFilter{ConnectorID: in.ConnectorID}, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &struct {
		Body struct {
			Items []RunDuration `json:"items" nullable:"false"`
		}
	}{}
	out.Body.Items = []RunDuration{}
	for _, r := range runs {
		if x := a.run(r); r.Kind.Imports() && !r.Started.IsZero() {
			out.Body.Items = append(out.Body.Items, RunDuration{
				RunID: x.ID, Kind: x.Kind, Status: x.Status, Started: x.Started, Seconds: x.DurationSeconds, Counts: x.Counts,
			})
		}
	}
	return out, nil
}
