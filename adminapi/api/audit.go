package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// AuditRecord says that something is about to be changed, or how that ended.
type AuditRecord struct {
	Seq         int64     `json:"seq" doc:"Counts from 1 without a gap."`
	Time        time.Time `json:"time"`
	Phase       string    `json:"phase" enum:"intent,outcome,event" doc:"An intent is recorded before anything is done; an event is something that happened by itself and has one record."`
	Intent      int64     `json:"intent,omitempty" doc:"Of an outcome: the seq of its intent."`
	Actor       string    `json:"actor" example:"token administrator"`
	Role        string    `json:"role,omitempty"`
	Address     string    `json:"address,omitempty" doc:"Where the request came from; the name of the host for a program."`
	Action      string    `json:"action" example:"secrets.set"`
	Target      string    `json:"target,omitempty" example:"secret://ad/svc/password"`
	Outcome     string    `json:"outcome,omitempty" doc:"Of an outcome or an event: OK, or why it failed." example:"ACCESS_DENIED"`
	Correlation string    `json:"correlation,omitempty" doc:"The id of the request, in the log and in the trace too."`
	Detail      string    `json:"detail,omitempty" doc:"JSON as it was hashed: before and wanted of an intent, after or problem of an outcome."`
	Hash        string    `json:"hash" doc:"SHA-256 over the hash of the record before and this one."`
}

type auditPage struct {
	Body struct {
		Items []AuditRecord `json:"items" nullable:"false"`
		Next  string        `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

// auditExport is the media type of an export, and the name under which browsers
// save it.
const (
	auditExport     = "application/x-ndjson"
	auditExportName = "identitymesh-audit.jsonl"
)

func (a *API) audit() {
	register(a, authz.AuditRead, huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: "/api/audit", Tags: []string{tagAudit},
		Summary: "List who changed what",
	}, a.listAudit)
	a.auditVerify()
	register(a, authz.AuditRead, huma.Operation{
		OperationID: "export-audit", Method: http.MethodGet, Path: "/api/audit/export", Tags: []string{tagAudit},
		Summary: "Read the whole audit log",
		Description: "One record as JSON in each line, the oldest first, and a last line that names the newest record. " +
			"identitymesh-adminapi audit verify --file checks it without the database. " + wholeWords,
		Responses: map[string]*huma.Response{"200": {
			Description: "The log.", Content: map[string]*huma.MediaType{auditExport: {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, a.exportAudit)
}

func (a *API) listAudit(ctx context.Context, in *struct {
	Paging
	Actor   string    `query:"actor" maxLength:"1000" doc:"Only what this one did."`
	Action  string    `query:"action" maxLength:"1000" doc:"Only this action." example:"secrets.set"`
	Target  string    `query:"target" maxLength:"8192" doc:"Only what was done to targets that begin so." example:"secret://ad/"`
	Outcome string    `query:"outcome" maxLength:"100" doc:"Only outcomes of this kind." example:"ACCESS_DENIED"`
	From    time.Time `query:"from" doc:"Only what was recorded then or later."`
	To      time.Time `query:"to" doc:"Only what was recorded before."`
	Sort    string    `query:"sort" enum:"time,-time" default:"-time" doc:"The oldest or the newest first."`
}) (*auditPage, error) {
	filter := audit.Filter{Actor: in.Actor, Action: in.Action, TargetPrefix: in.Target, Outcome: in.Outcome, From: in.From, To: in.To, OldestFirst: in.Sort == "time"}
	q := query{"audit", in.Sort, filter}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	if page.After != nil {
		if filter.After, err = strconv.ParseInt(page.After.ID, 10, 64); err != nil {
			return nil, listProblem(store.ErrMark)
		}
	}
	list, err := a.Audit.Search(ctx, filter, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &auditPage{}
	out.Body.Items = make([]AuditRecord, 0, len(list))
	for _, r := range list {
		out.Body.Items = append(out.Body.Items, AuditRecord{
			Seq: r.Seq, Time: r.Time, Phase: string(r.Phase), Intent: r.Intent, Actor: r.Actor, Role: r.Role, Address: r.Address,
			Action: r.Action, Target: r.Target, Outcome: r.Outcome, Correlation: r.Correlation, Detail: r.Detail, Hash: r.Hash,
		})
	}
	if len(list) == in.Limit {
		out.Body.Next = q.next(&store.Mark{ID: strconv.FormatInt(list[len(list)-1].Seq, 10)})
	}
	return out, nil
}

func (a *API) exportAudit(context.Context, *struct{}) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		release, err := a.whole.begin()
		if err != nil {
			problem.Write(w, r, a.problem(r.Context(), err))
			return
		}
		defer release()
		w.Header().Set("Content-Type", auditExport)
		w.Header().Set("Content-Disposition", `attachment; filename="`+auditExportName+`"`)
		out := &slowly{w: w, control: http.NewResponseController(w)}
		switch err := a.Audit.Export(r.Context(), out); {
		case err == nil:
		case out.begun:
			a.Logger.WarnContext(r.Context(), "the export of the audit log was broken off", telemetry.KeyError, err, "request_id", problem.RequestID(r.Context()))
			panic(http.ErrAbortHandler) // so that the client sees that it is not whole
		default:
			w.Header().Del("Content-Disposition")
			problem.Write(w, r, a.problem(r.Context(), err))
		}
	}}, nil
}

// writeLimit is how long a client may take to read a part of a long answer.
const writeLimit = time.Minute

// slowly writes an answer that may take longer than the server allows others, as
// long as it goes on.
type slowly struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

// Write implements io.Writer.
func (s *slowly) Write(part []byte) (int, error) {
	s.begun = true
	// The server's clock decides; what has no deadlines needs none.
	if err := s.control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return s.w.Write(part)
}
