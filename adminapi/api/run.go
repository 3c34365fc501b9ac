package api

import (
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/store"
)

// Run is a run of a connector.
type Run struct {
	ID                string    `json:"id"`
	ConnectorID       string    `json:"connectorId"`
	ConnectorName     string    `json:"connectorName" doc:"As it was when the run was queued."`
	ConnectorType     string    `json:"connectorType"`
	Kind              string    `json:"kind" enum:"full,delta,test"`
	Trigger           string    `json:"trigger" enum:"manual,schedule"`
	RequestedBy       string    `json:"requestedBy,omitempty" doc:"The operator, or the id of the schedule."`
	CancelRequestedBy string    `json:"cancelRequestedBy,omitempty" doc:"Of a run under way: the operator who asked for its end, which the engine has not reached yet. It stays when the run ended by itself first."`
	Instance          string    `json:"instance,omitempty" doc:"The engine that runs or ran it."`
	Status            string    `json:"status" enum:"Queued,Running,Succeeded,Failed,Interrupted,Cancelled"`
	Queued            time.Time `json:"queued"`
	Started           time.Time `json:"started,omitzero"`
	Finished          time.Time `json:"finished,omitzero"`
	// DurationSeconds of a running run is up to now.
	DurationSeconds float64 `json:"durationSeconds" doc:"From the start to the end, or to now."`
	Counts          Counts  `json:"counts" doc:"What the committed pages did."`
	Pages           int64   `json:"pages"`
	Reason          string  `json:"reason,omitempty" doc:"Why it did not succeed, as a code." example:"ACCESS_DENIED"`
	Error           string  `json:"error,omitempty" doc:"What the underlying system said."`
	WatermarkBefore string  `json:"watermarkBefore,omitempty"`
	WatermarkAfter  string  `json:"watermarkAfter,omitempty"`
	TraceID         string  `json:"traceId,omitempty"`
	Report          *Report `json:"report,omitempty" doc:"What a test that succeeded found."`
}

// Counts are what a run did to the objects.
type Counts struct {
	Added     int64 `json:"added"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Absent    int64 `json:"absent" doc:"No longer in the source."`
	Failed    int64 `json:"failed" doc:"Read and not understood; see the run's logs."`
}

// Report is what a test found.
type Report struct {
	Server string   `json:"server" doc:"The system that answered."`
	Sample int      `json:"sample" doc:"How many objects the test read."`
	Notes  []string `json:"notes" nullable:"false" doc:"What an operator should know."`
}

// Log is a line that a run logged.
type Log struct {
	Logged  time.Time `json:"logged"`
	Level   string    `json:"level"`
	Entry   string    `json:"entry,omitempty" doc:"The entry in the source's terms."`
	Anchor  string    `json:"anchor,omitempty"`
	Message string    `json:"message"`
}

func (a *API) run(r store.Run) Run {
	out := Run{
		ID: r.ID, ConnectorID: r.ConnectorID, ConnectorName: r.ConnectorName, ConnectorType: r.ConnectorType,
		Kind: string(r.Kind), Trigger: string(r.Trigger), RequestedBy: r.RequestedBy, CancelRequestedBy: r.CancelBy, Instance: r.Instance, Status: string(r.Status),
		Queued: r.Queued.UTC(), Started: utc(r.Started), Finished: utc(r.Finished),
		Counts: Counts(r.Counts), Pages: r.Pages, Reason: r.Reason, Error: r.Error,
		WatermarkBefore: string(r.WatermarkBefore), WatermarkAfter: string(r.WatermarkAfter), TraceID: r.TraceID, Report: report(r.Report),
	}
	out.DurationSeconds = a.duration(r.Started, r.Finished)
	return out
}

// duration of a run up to its end, or to now, in seconds.
func (a *API) duration(started, finished time.Time) float64 {
	if started.IsZero() {
		return 0
	}
	if finished.IsZero() {
		finished = a.Now()
	}
	return max(0, finished.Sub(started).Seconds())
}

func logOf(l store.Log) Log {
	return Log{Logged: l.Logged.UTC(), Level: string(l.Level), Entry: l.Entry, Anchor: l.Anchor, Message: l.Message}
}

func report(r *connector.Report) *Report {
	if r == nil {
		return nil
	}
	return &Report{Server: r.Server, Sample: r.Sample, Notes: append([]string{}, r.Notes...)}
}

// writable reports whether a time can be written as RFC 3339 in UTC, which has four
// digits for the year. What can be read can be outside of that by its offset.
func writable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 0 && year <= 9999
}

// timeExpected is the problem of what is no time, or none that can be written.
const timeExpected = "expected a time such as 2027-01-31T00:00:00Z"

// utc leaves the zero time as it is, so that it is left out of an answer.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
