package store

import (
	"context"
	"errors"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
)

// ObjectChange is what a run did to an object.
type ObjectChange struct {
	// Seq is the record of the connector's audit chain that tells of it.
	Seq   int64
	At    time.Time
	RunID string
	audit.ObjectChange
}

// ObjectHistory returns what runs did to an object of a connector, the newest first,
// at most limit changes. It begins at the record from, or at the newest with 0; next
// is where the following page begins, 0 when this is the last one. What was removed
// from the audit chain, or happened before there was one, is not there any more.
// [ErrNotFound] when the connector has no such object.
func (s *Store) ObjectHistory(ctx context.Context, connectorID string, objectID, from int64, limit int) (list []ObjectChange, next int64, err error) {
	var anchor string
	var newest int64
	err = s.row(ctx, s.db.Read, "find object", "SELECT anchor, audit_seq FROM IM_ManagementSpaceObjects WHERE id = @p1 AND connector_id = @p2",
		[]any{objectID, connectorID}, []any{&anchor, &newest})
	if err != nil {
		return nil, 0, err
	}
	if from <= 0 {
		from = newest
	}
	for next = from; next > 0 && len(list) < limit; {
		c, record, err := s.audit.ObjectChange(ctx, connectorID, next, anchor)
		if errors.Is(err, audit.ErrNoChange) {
			return list, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		list = append(list, ObjectChange{Seq: record.Seq, At: record.Time, RunID: record.Run, ObjectChange: c})
		if c.Previous >= next { // it was written by somebody else, who would keep us here for ever
			return list, 0, nil
		}
		next = c.Previous
	}
	return list, max(0, next), nil
}
