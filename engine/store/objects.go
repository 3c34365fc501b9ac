package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/engine/identity"
)

// Object is a stored object of a connector.
type Object struct {
	// ID ascends in the order in which objects were first seen.
	ID          int64
	ConnectorID string
	identity.Object
	Present                bool
	FirstSeen, LastChanged time.Time
	// AbsentSince is zero while the object is present.
	AbsentSince time.Time
	// MeshObjectID is empty as long as the object belongs to no identity.
	MeshObjectID string
	// LastRunID is the run that last changed it.
	LastRunID string
}

const objectColumns = `o.id, o.connector_id, o.anchor, o.object_type, o.attributes, o.present, o.first_seen, o.last_changed,
	o.absent_since, o.mesh_object_id, o.last_run_id`

func scanObject(rows *sql.Rows, more ...any) (o Object, err error) {
	var attributes sql.RawBytes
	var mesh sql.NullString
	targets := []any{&o.ID, &o.ConnectorID, &o.Anchor, &o.Type, &attributes, &o.Present, &productTime{&o.FirstSeen},
		&productTime{&o.LastChanged}, &productTime{&o.AbsentSince}, &mesh, &o.LastRunID}
	if err := rows.Scan(append(targets, more...)...); err != nil {
		return o, err
	}
	o.MeshObjectID = mesh.String
	if o.Attributes, err = parseAttributes(attributes); err != nil {
		return o, fmt.Errorf("attributes of object %d: %w", o.ID, err)
	}
	return o, nil
}

// ListObjects returns at most limit objects of a connector in the order of their
// ids, those above after.
func (s *Store) ListObjects(ctx context.Context, connectorID string, after int64, limit int, presentOnly bool) (list []Object, err error) {
	err = s.query(ctx, s.db.Read, "list objects", func(rows *sql.Rows) error {
		o, err := scanObject(rows)
		list = append(list, o)
		return err
	}, "SELECT "+objectColumns+" FROM IM_ManagementSpaceObjects o WHERE o.connector_id = @p1 AND o.id > @p2"+onlyPresent(presentOnly)+
		" ORDER BY o.id"+s.db.Dialect.Limit("@p3"), connectorID, after, limit)
	return list, err
}

// CountObjects returns how many objects a connector has.
func (s *Store) CountObjects(ctx context.Context, connectorID string, presentOnly bool) (n int64, err error) {
	err = s.row(ctx, s.db.Read, "count objects",
		"SELECT COUNT(*) FROM IM_ManagementSpaceObjects o WHERE o.connector_id = @p1"+onlyPresent(presentOnly), []any{connectorID}, []any{&n})
	return n, err
}

func onlyPresent(yes bool) string {
	if yes {
		return " AND o.present = 1"
	}
	return ""
}
