package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/live"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
)

// Streams says how streams of events are kept.
type Streams struct {
	// Poll is how often the database is looked at for all of them, Linger how long
	// also after the last has ended.
	Poll, Linger time.Duration
	// Heartbeat is how often each says that it lives, and Recheck how often it is
	// looked whether Still is true of the request that opened it.
	Heartbeat, Recheck time.Duration
	Still              func(r *http.Request, needs authz.Permission) bool
}

const (
	eventStream = "text/event-stream"
	// pieceLimit is how long a client may take to read a part of a stream.
	pieceLimit = 10 * time.Second
	// firstLook is how long a stream waits for the first look at the database.
	firstLook = 10 * time.Second
	// over is the id of the last event of a stream that is not to be opened again.
	over = "end"
	// logLines are read at a time.
	logLines = 500
)

// Resume is what clients send who were cut off.
type Resume struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"100" doc:"The id of the last event that was received; browsers send it by themselves when they come back."`
}

func (a *API) events() {
	ended := streamOf[Run](a, "The events run, log and end.")
	ended["204"] = &huma.Response{Description: "The client was told the end of the run."}
	register(a, authz.RunsRead, huma.Operation{
		OperationID: "follow-runs", Method: http.MethodGet, Path: "/api/events", Tags: []string{tagRuns},
		Summary: "Follow all runs as they change",
		Description: "Server-sent events, until the client leaves or its sign-in ends. First the runs under way, then each run whenever it changes, " +
			"as the event run with the whole run as JSON; several changes within a second are one. With Last-Event-ID what was missed " +
			"comes first; where that is not known, the event reset says that the lists have to be read again.",
		Responses: streamOf[Run](a, "The events run and reset."),
	}, a.followRuns)
	register(a, authz.RunsRead, huma.Operation{
		OperationID: "follow-run", Method: http.MethodGet, Path: "/api/runs/{id}/events", Tags: []string{tagRuns},
		Summary: "Follow one run as it goes on",
		Description: "Server-sent events: run, the whole run as JSON, at first and whenever it changes; log, for each line of its log, from the first one or " +
			"the one after Last-Event-ID on; and end when it has ended, after which there is nothing more to come: a client that opens the stream again is told 204.",
		Responses: ended,
	}, a.followRun)
}

func streamOf[T any](a *API, about string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: about + " The data of run is as here.",
		Content:     map[string]*huma.MediaType{eventStream: {Schema: schemaOf[T](a)}},
	}}
}

func (a *API) newLive() *live.Broadcaster {
	return live.New(live.Config{
		Source: a.Store,
		Run:    func(r store.Run) []byte { return asJSON(a.run(r)) },
		Log:    func(l store.Log) []byte { return asJSON(logOf(l)) },
		Poll:   a.Streams.Poll, Linger: a.Streams.Linger, Logger: a.Logger, NewID: a.NewID,
	})
}

// Close ends all streams at once.
func (a *API) Close() { a.live.Close() }

// Streaming returns how many streams are open.
func (a *API) Streaming() int { return a.live.Listeners() }

// asJSON writes what can always be written.
func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func (a *API) followRuns(_ context.Context, in *Resume) (*huma.StreamResponse, error) {
	return a.stream(func(s *stream) {
		l := a.live.Follow()
		defer l.Leave()
		if !s.wait(l.Ready) {
			return
		}
		since := live.Position(in.LastEventID)
		missed, reset := l.Missed(since)
		if reset {
			s.event("reset", "", []byte("{}"))
		}
		var last uint64
		send := func(changes []live.Change) {
			for _, c := range changes {
				last = max(last, c.Number)
				s.event("run", string(a.live.Position(c)), c.JSON)
			}
		}
		send(missed)
		s.follow(l, func(n live.News) bool {
			for len(n.Changes) > 0 && n.Changes[0].Number <= last {
				n.Changes = n.Changes[1:] // was among the missed
			}
			send(n.Changes)
			return true
		})
	}), nil
}

func (a *API) followRun(ctx context.Context, in *struct {
	RunPath
	Resume
}) (*huma.StreamResponse, error) {
	if in.LastEventID == over {
		return &huma.StreamResponse{Body: func(ctx huma.Context) { ctx.SetStatus(http.StatusNoContent) }}, nil
	}
	var after int64
	if in.LastEventID != "" {
		n, err := strconv.ParseInt(in.LastEventID, 10, 64)
		if err != nil || n < 0 {
			return nil, problem.Invalid(problem.Item{Path: "header:Last-Event-ID", Message: "this is not the id of an event of this stream"})
		}
		after = n
	}
	if _, err := a.Store.Run(ctx, in.ID); err != nil {
		return nil, runProblem(err)
	}
	return a.stream(func(s *stream) { a.tellRun(s, in.ID, after) }), nil
}

// tellRun tells a client of a run all that it does not know, until the run has
// ended.
func (a *API) tellRun(s *stream, id string, after int64) {
	l := a.live.Listen(id)
	defer l.Leave()
	if !s.wait(l.Ready) {
		return
	}
	line := func(id int64, text []byte) {
		if id > after {
			after = id
			s.event("log", strconv.FormatInt(id, 10), text)
		}
	}
	// What the database has; what is told meanwhile comes after it.
	catchUp := func() error {
		for {
			lines, err := a.Store.ListLogs(s.r.Context(), id, after, logLines)
			if err != nil {
				return err
			}
			for _, l := range lines {
				line(l.ID, asJSON(logOf(l)))
			}
			if len(lines) < logLines {
				return nil
			}
		}
	}
	l.Forget()
	run, err := a.Store.Run(s.r.Context(), id)
	if err != nil {
		return // the client comes back, and hears what is the matter
	}
	tell := func(text []byte) { s.event("run", strconv.FormatInt(after, 10), text) }
	tell(asJSON(a.run(run)))
	if catchUp() != nil {
		return
	}
	if !run.Finished.IsZero() {
		s.event("end", over, []byte("{}"))
		return
	}
	l.Lines(after)
	s.follow(l, func(n live.News) bool {
		for _, x := range n.Lines {
			line(x.ID, x.JSON)
		}
		for _, c := range n.Changes {
			if c.Ended && catchUp() != nil {
				return false
			}
			tell(c.JSON)
			if c.Ended {
				s.event("end", over, []byte("{}"))
				return false
			}
		}
		return true
	})
}
