package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Connector is a configured connected system. Its configuration holds refs of
// secrets, never values.
type Connector struct {
	ID string
	// Name is unique without regard to case.
	Name    string
	Type    string
	Config  json.RawMessage
	Enabled bool
	// InstanceName is the engine instance that runs it; empty means any.
	InstanceName string
	// Version counts changes, from 1.
	Version          int64
	Created, Updated time.Time
	// Refs are those of secrets that the configuration uses, as whoever wrote it
	// knows them; nil when that was somebody who does not know its type.
	Refs []string
}

const connectorColumns = "c.id, c.name, c.type, c.config, c.enabled, c.instance_name, c.version, c.created, c.updated, c.refs"

func (c *Connector) targets() []any {
	return []any{&c.ID, &c.Name, &c.Type, (*[]byte)(&c.Config), &c.Enabled, &c.InstanceName, &c.Version,
		&productTime{&c.Created}, &productTime{&c.Updated}, (*refsColumn)(&c.Refs)}
}

func (c *Connector) check() error {
	c.Name = strings.TrimSpace(c.Name)
	c.InstanceName = strings.TrimSpace(c.InstanceName)
	var problems []error
	if c.Name == "" || len(c.Name) > MaxNameBytes {
		problems = append(problems, fmt.Errorf("the name must have 1 to %d bytes", MaxNameBytes))
	}
	if len(c.InstanceName) > MaxNameBytes {
		problems = append(problems, fmt.Errorf("the instance name must have at most %d bytes", MaxNameBytes))
	}
	if !json.Valid(c.Config) {
		problems = append(problems, errors.New("the configuration is not JSON"))
	}
	return errors.Join(problems...)
}

// CreateConnector adds c and returns it with its id, version and times.
// [ErrNameTaken]. With an id it is for who may have tried before: what was added
// under it then is returned as it is now.
func (s *Store) CreateConnector(ctx context.Context, c Connector) (Connector, error) {
	if err := c.check(); err != nil {
		return Connector{}, err
	}
	again := c.ID != ""
	if !again {
		c.ID = s.cfg.NewID()
	}
	c.Version, c.Created = 1, s.now()
	c.Updated = c.Created
	made := c
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) (err error) {
		if again {
			if made, err = s.connector(ctx, tx, c.ID); !errors.Is(err, ErrNotFound) {
				return err
			}
			made = c
		}
		if _, err := s.exec(ctx, tx, "insert connector", `INSERT INTO IM_Connectors
			(id, name, name_key, type, config, enabled, instance_name, instance_key, version, created, updated)
			VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, 1, @p9, @p10)`,
			c.ID, c.Name, key(c.Name), c.Type, string(c.Config), c.Enabled, c.InstanceName, key(c.InstanceName),
			c.Created, c.Updated); err != nil {
			return nameTaken(err)
		}
		_, err = s.exec(ctx, tx, "insert connector state", `INSERT INTO IM_ConnectorState
			(connector_id, watermark, lease_holder, lease_token, lease_expires, updated)
			VALUES (@p1, '', '', 0, @p2, @p3)`, c.ID, time.Time{}, c.Created)
		if err != nil {
			return err
		}
		return s.keepRefs(ctx, tx, c.ID, c.Refs)
	})
	if err != nil {
		return Connector{}, err
	}
	return made, nil
}

// Connector returns the connector of that id. [ErrNotFound].
func (s *Store) Connector(ctx context.Context, id string) (Connector, error) {
	return s.connector(ctx, s.db.Read, id)
}

func (s *Store) connector(ctx context.Context, q querier, id string) (c Connector, err error) {
	err = s.row(ctx, q, "get connector", "SELECT "+connectorColumns+" FROM IM_Connectors c WHERE c.id = @p1", []any{id}, c.targets())
	return c, err
}

// ConnectorByName returns the connector of that name, in any case. [ErrNotFound].
func (s *Store) ConnectorByName(ctx context.Context, name string) (c Connector, err error) {
	err = s.row(ctx, s.db.Read, "get connector by name",
		"SELECT "+connectorColumns+" FROM IM_Connectors c WHERE c.name_key = @p1", []any{key(name)}, c.targets())
	return c, err
}

// ListConnectors returns at most limit connectors in the order of their names,
// those after the name given; empty begins.
func (s *Store) ListConnectors(ctx context.Context, after string, limit int) (list []Connector, err error) {
	err = s.query(ctx, s.db.Read, "list connectors", func(rows *sql.Rows) error {
		var c Connector
		err := rows.Scan(c.targets()...)
		list = append(list, c)
		return err
	}, "SELECT "+connectorColumns+" FROM IM_Connectors c WHERE c.name_key > @p1 ORDER BY c.name_key"+s.db.Dialect.Limit("@p2"),
		key(after), limit)
	return list, err
}

// UpdateConnector replaces name, type, configuration with its refs, instance and
// the switch if the stored version is still c.Version, and returns it with its new
// version.
// [ErrConflict], [ErrNotFound], [ErrNameTaken].
func (s *Store) UpdateConnector(ctx context.Context, c Connector) (Connector, error) {
	if err := c.check(); err != nil {
		return Connector{}, err
	}
	var stored Connector
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "update connector", `UPDATE IM_Connectors SET name = @p1, name_key = @p2, type = @p3,
			config = @p4, enabled = @p5, instance_name = @p6, instance_key = @p7, version = version + 1, updated = @p8
			WHERE id = @p9 AND version = @p10`,
			c.Name, key(c.Name), c.Type, string(c.Config), c.Enabled, c.InstanceName, key(c.InstanceName), s.now(), c.ID, c.Version)
		if err != nil {
			return nameTaken(err)
		}
		if n == 0 {
			if _, err = s.connector(ctx, tx, c.ID); err == nil {
				err = ErrConflict
			}
			return err
		}
		if err := s.keepRefs(ctx, tx, c.ID, c.Refs); err != nil {
			return err
		}
		if err := s.showDue(ctx, tx, c.ID); err != nil {
			return err
		}
		stored, err = s.connector(ctx, tx, c.ID)
		return err
	})
	if err != nil {
		return Connector{}, err
	}
	return stored, nil
}

// DeleteConnector removes the connector with its objects, schedules, watermark
// and queued runs, if it is at that version; 0 is any. The history of its runs
// stays. [ErrNotFound], [ErrConflict], [ErrBusy].
func (s *Store) DeleteConnector(ctx context.Context, id string, version int64) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		now := s.now()
		if version != 0 {
			if c, err := s.connector(ctx, tx, id); err != nil {
				return err
			} else if c.Version != version {
				return ErrConflict
			}
		}
		// Removing the state first makes every import that is still going fail.
		n, err := s.exec(ctx, tx, "delete connector state",
			"DELETE FROM IM_ConnectorState WHERE connector_id = @p1 AND (lease_holder = '' OR lease_expires <= @p2)", id, now)
		if err != nil {
			return err
		}
		if n == 0 {
			if _, err := s.connector(ctx, tx, id); err != nil {
				return err
			}
			return ErrBusy
		}
		if err := s.interruptRuns(ctx, tx, id, "the connector was deleted"); err != nil {
			return err
		}
		if _, err := s.exec(ctx, tx, "cancel queued runs", `UPDATE IM_RunHistory SET status = @p1, finished = @p2,
			reason = @p3, error_text = @p4 WHERE connector_id = @p5 AND status = @p6`,
			string(Cancelled), now, ReasonDeleted, "the connector was deleted", id, string(Queued)); err != nil {
			return err
		}
		if _, err := s.exec(ctx, tx, "delete objects", "DELETE FROM IM_ManagementSpaceObjects WHERE connector_id = @p1", id); err != nil {
			return err
		}
		if _, err := s.exec(ctx, tx, "delete schedules", "DELETE FROM IM_Schedules WHERE connector_id = @p1", id); err != nil {
			return err
		}
		where, args := "id = @p1", []any{id}
		if version != 0 {
			where, args = where+" AND version = @p2", append(args, version)
		}
		n, err = s.exec(ctx, tx, "delete connector", "DELETE FROM IM_Connectors WHERE "+where, args...)
		if err == nil && n == 0 {
			return ErrConflict // somebody changed it while it was being deleted
		}
		return err
	})
}

func nameTaken(err error) error {
	if productdb.IsUniqueViolation(err) {
		return ErrNameTaken
	}
	return err
}
