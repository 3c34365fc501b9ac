package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// PluginState is how the secret provider's plugin of an instance is, as that
// instance recorded it last.
type PluginState struct {
	// Role and Name of the instance, Incarnation of the process that recorded it.
	Role        Role
	Name        string
	Incarnation string
	// Provider as operators call it, and the plugin's state as package supervise
	// names it.
	Provider, State string
	// Recorded is set by the store.
	Recorded time.Time
	Document PluginDocument
}

// PluginDocument is what there is to know beyond the state. It is kept as JSON and
// has no place for anything that a secret could stand in, but for the texts that a
// plugin itself wrote.
type PluginDocument struct {
	Since    time.Time          `json:"since"`
	Version  string             `json:"version,omitempty"`
	Commit   string             `json:"commit,omitempty"`
	Path     string             `json:"path,omitempty"`
	SHA256   string             `json:"sha256,omitempty"`
	PID      int                `json:"pid,omitempty"`
	Restarts int                `json:"restarts,omitempty"`
	Problem  string             `json:"problem,omitempty"`
	NextTry  time.Time          `json:"nextTry,omitzero"`
	Warnings []string           `json:"warnings,omitempty"`
	History  []PluginTransition `json:"history,omitempty"`
	// Lines are the last that the plugin wrote, oldest first.
	Lines []string `json:"lines,omitempty"`
}

// PluginTransition is one change of a plugin's state.
type PluginTransition struct {
	At     time.Time `json:"at"`
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"`
	PID    int       `json:"pid,omitempty"`
}

// RecordPlugin writes how the plugin of an instance is over what was there.
// [ErrReplaced] when the instance is not listed with that incarnation.
func (s *Store) RecordPlugin(ctx context.Context, p PluginState) error {
	document, err := json.Marshal(p.Document)
	if err != nil {
		return fmt.Errorf("write the state of the plugin: %w", err)
	}
	record := func(tx *sql.Tx) error {
		args := func() []any {
			return []any{p.Incarnation, clip(p.Provider, MaxNameBytes), p.State, s.now(), string(document), string(p.Role), key(p.Name)}
		}
		const listed = `EXISTS (SELECT 1 FROM IM_EngineInstances i WHERE i.role = @p6 AND i.name_key = @p7 AND i.incarnation = @p1)`
		n, err := s.exec(ctx, tx, "update plugin state", `UPDATE IM_PluginStates SET incarnation = @p1, provider = @p2, state = @p3,
			recorded = @p4, document = @p5 WHERE role = @p6 AND name_key = @p7 AND `+listed, args()...)
		if err != nil || n > 0 {
			return err
		}
		n, err = s.exec(ctx, tx, "insert plugin state", `INSERT INTO IM_PluginStates (incarnation, provider, state, recorded, document, role, name_key)
			SELECT i.incarnation, @p2, @p3, @p4, @p5, i.role, i.name_key FROM IM_EngineInstances i
			WHERE i.role = @p6 AND i.name_key = @p7 AND i.incarnation = @p1`, args()...)
		if err == nil && n == 0 {
			return ErrReplaced
		}
		return err
	}
	err = s.db.InWriteTx(ctx, record)
	if productdb.IsUniqueViolation(err) { // another process inserted it in between
		err = s.db.InWriteTx(ctx, record)
	}
	return err
}

// ListPluginStates returns the states of the plugins of all instances that are
// listed, by role and name.
func (s *Store) ListPluginStates(ctx context.Context) (list []PluginState, err error) {
	err = s.query(ctx, s.db.Read, "list plugin states", func(rows *sql.Rows) error {
		var p PluginState
		var document string
		err := rows.Scan((*string)(&p.Role), &p.Name, &p.Incarnation, &p.Provider, &p.State, &productTime{&p.Recorded}, &document)
		if err == nil {
			err = json.Unmarshal([]byte(document), &p.Document)
		}
		list = append(list, p)
		return err
	}, `SELECT p.role, i.name, p.incarnation, p.provider, p.state, p.recorded, p.document FROM IM_PluginStates p
		INNER JOIN IM_EngineInstances i ON i.role = p.role AND i.name_key = p.name_key ORDER BY p.role, p.name_key`)
	return list, err
}
