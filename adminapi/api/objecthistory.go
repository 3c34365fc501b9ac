package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
)

// ObjectChange is what a run did to an object.
type ObjectChange struct {
	Seq        int64     `json:"seq" doc:"The record of the connector's audit chain that tells of it."`
	Time       time.Time `json:"time"`
	RunID      string    `json:"runId"`
	Change     string    `json:"change" enum:"added,updated,returned,absent"`
	Type       string    `json:"type,omitempty" doc:"The object's type afterwards, where it was read."`
	TypeBefore string    `json:"typeBefore,omitempty" doc:"The type before, when it was another one."`
	Attributes []string  `json:"attributes" nullable:"false" doc:"The names of the attributes that changed; values are not recorded."`
	More       int       `json:"more,omitempty" doc:"How many further attributes changed that are not named."`
	Content    string    `json:"content,omitempty" doc:"SHA-256 of type and attributes afterwards."`
}

type historyPage struct {
	Body struct {
		Items []ObjectChange `json:"items" nullable:"false"`
		Next  string         `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		Cut   bool           `json:"cut" doc:"On the last page: older changes are not there any more, because their records were too old to be kept."`
	}
}

func (a *API) objectHistory() {
	register(a, authz.ObjectsRead, huma.Operation{
		OperationID: "get-object-history", Method: http.MethodGet, Path: "/api/objects/{id}/history", Tags: []string{tagObjects},
		Summary: "List what happened to an object, the newest first", Description: "As the audit chain of its connector has it.",
	}, a.getObjectHistory)
}

func (a *API) getObjectHistory(ctx context.Context, in *struct {
	ObjectPath
	Paging
}) (*historyPage, error) {
	q := query{"history", "", in.ID}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	o, err := a.object(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	seq := o.AuditSeq
	if page.After != nil {
		if seq, err = strconv.ParseInt(page.After.ID, 10, 64); err != nil {
			return nil, listProblem(store.ErrMark)
		}
	}
	out := &historyPage{}
	out.Body.Items = []ObjectChange{}
	for seq > 0 && len(out.Body.Items) < page.Limit {
		c, record, err := a.Audit.ObjectChange(ctx, o.ConnectorID, seq, o.Anchor)
		if errors.Is(err, audit.ErrNoChange) {
			out.Body.Cut = true
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, ObjectChange{
			Seq: record.Seq, Time: record.Time, RunID: record.Run, Change: c.Change, Type: c.Type, TypeBefore: c.TypeBefore,
			Attributes: append([]string{}, c.Attributes...), More: c.More, Content: c.Content,
		})
		seq = c.Previous
	}
	if seq > 0 {
		out.Body.Next = q.next(&store.Mark{ID: strconv.FormatInt(seq, 10)})
	}
	return out, nil
}
