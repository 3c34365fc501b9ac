package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Role is what an instance is.
type Role string

// The roles.
const (
	RoleEngine   Role = "engine"
	RoleAdminAPI Role = "adminapi"
)

// Offline is how long an instance may be silent before it counts as gone.
const Offline = 3 * time.Minute

// Instance is a process of the product, as it registered itself. Which secret
// store each uses is here so that a difference can be noticed.
type Instance struct {
	Role Role
	// Name is configured and unique within the role, without regard to case.
	Name             string
	Machine, Version string
	// Commit and CommitDate of its build, and the platform it was built for; empty
	// when the build does not know.
	Commit, CommitDate, Platform string
	// Incarnation is new with every start.
	Incarnation string
	// Provider, its target, as in a vault's host, and its version.
	Provider, ProviderTarget, ProviderVersion string
	Started, LastHeartbeat                    time.Time
	// Reload of the secret store's plugin; not written by [Store.Register].
	Reload Reload
}

// Register writes the instance over an earlier one of its role and name, whose
// heartbeats then fail with [ErrReplaced]. What a new incarnation was asked to
// reload it has read already, so nothing of that is left.
func (s *Store) Register(ctx context.Context, x Instance) error {
	if name := strings.TrimSpace(x.Name); name == "" || len(name) > MaxNameBytes {
		return fmt.Errorf("the name of an instance must have 1 to %d bytes", MaxNameBytes)
	}
	register := func(tx *sql.Tx) error {
		args := []any{strings.TrimSpace(x.Name), clip(x.Machine, maxLabelBytes), clip(x.Version, 100), x.Incarnation,
			clip(x.Provider, MaxNameBytes), clip(x.ProviderTarget, 500), clip(x.ProviderVersion, 100), x.Started, s.now(),
			string(x.Role), key(x.Name), clip(x.Commit, 100), clip(x.CommitDate, 100), clip(x.Platform, 100)}
		n, err := s.exec(ctx, tx, "update instance", `UPDATE IM_EngineInstances SET name = @p1, machine = @p2, version = @p3,
			reload_done = CASE WHEN incarnation = @p4 THEN reload_done ELSE reload_wanted END,
			reload_at = CASE WHEN incarnation = @p4 THEN reload_at END,
			reload_problem = CASE WHEN incarnation = @p4 THEN reload_problem ELSE '' END,
			incarnation = @p4, provider = @p5, provider_target = @p6, provider_version = @p7, started = @p8, last_heartbeat = @p9,
			commit_id = @p12, commit_date = @p13, platform = @p14
			WHERE role = @p10 AND name_key = @p11`, args...)
		if err != nil || n > 0 {
			return err
		}
		_, err = s.exec(ctx, tx, "insert instance", `INSERT INTO IM_EngineInstances (name, machine, version, incarnation,
			provider, provider_target, provider_version, started, last_heartbeat, role, name_key, commit_id, commit_date, platform)
			VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12, @p13, @p14)`, args...)
		return err
	}
	err := s.db.InWriteTx(ctx, register)
	if productdb.IsUniqueViolation(err) { // another process inserted it in between
		err = s.db.InWriteTx(ctx, register)
	}
	return err
}

// Heartbeat says that the instance is alive. [ErrReplaced] when another process
// registered under its name, or the row is gone.
func (s *Store) Heartbeat(ctx context.Context, role Role, name, incarnation string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "heartbeat", `UPDATE IM_EngineInstances SET last_heartbeat = @p1
			WHERE role = @p2 AND name_key = @p3 AND incarnation = @p4`, s.now(), string(role), key(name), incarnation)
		if err == nil && n == 0 {
			return ErrReplaced
		}
		return err
	})
}

// Unregister removes the instance, which ends in order: until then, or for as long
// as its last heartbeat counts, others take it for alive. It does nothing when
// another process registered under its name.
func (s *Store) Unregister(ctx context.Context, role Role, name, incarnation string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "delete instance", `DELETE FROM IM_EngineInstances
			WHERE role = @p1 AND name_key = @p2 AND incarnation = @p3`, string(role), key(name), incarnation)
		if err != nil || n == 0 {
			return err
		}
		return s.deletePluginState(ctx, tx, role, name)
	})
}

// ForgetInstance removes an instance whose last heartbeat is older than before.
// [ErrNotFound]; [ErrConflict] when it lives.
func (s *Store) ForgetInstance(ctx context.Context, role Role, name string, before time.Time) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "forget instance", `DELETE FROM IM_EngineInstances
			WHERE role = @p1 AND name_key = @p2 AND last_heartbeat < @p3`, string(role), key(name), before)
		if err != nil {
			return err
		}
		if n > 0 {
			return s.deletePluginState(ctx, tx, role, name)
		}
		var found int
		if err := s.row(ctx, tx, "find instance", `SELECT COUNT(*) FROM IM_EngineInstances WHERE role = @p1 AND name_key = @p2`,
			[]any{string(role), key(name)}, []any{&found}); err != nil {
			return err
		}
		if found == 0 {
			return ErrNotFound
		}
		return ErrConflict
	})
}

func (s *Store) deletePluginState(ctx context.Context, tx *sql.Tx, role Role, name string) error {
	_, err := s.exec(ctx, tx, "delete plugin state", `DELETE FROM IM_PluginStates WHERE role = @p1 AND name_key = @p2`, string(role), key(name))
	return err
}

// ListInstances returns all instances by role and name, also those that are long
// gone without having unregistered.
func (s *Store) ListInstances(ctx context.Context) (list []Instance, err error) {
	err = s.query(ctx, s.db.Read, "list instances", func(rows *sql.Rows) error {
		var x Instance
		var wanted, done int64
		err := rows.Scan((*string)(&x.Role), &x.Name, &x.Machine, &x.Version, &x.Incarnation, &x.Provider, &x.ProviderTarget,
			&x.ProviderVersion, &productTime{&x.Started}, &productTime{&x.LastHeartbeat},
			&wanted, &done, &x.Reload.By, &productTime{&x.Reload.At}, &x.Reload.Problem, &x.Commit, &x.CommitDate, &x.Platform)
		x.Reload.Pending = wanted > done
		list = append(list, x)
		return err
	}, `SELECT role, name, machine, version, incarnation, provider, provider_target, provider_version, started, last_heartbeat,
		reload_wanted, reload_done, reload_by, reload_at, reload_problem, commit_id, commit_date, platform FROM IM_EngineInstances ORDER BY role, name_key`)
	return list, err
}
