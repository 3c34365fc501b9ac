package store

import (
	"context"
	"database/sql"
	"time"
)

// Reload is what is known of an instance's reloads of its secret provider.
type Reload struct {
	// Pending: it was asked for and not done yet.
	Pending bool
	// By is who asked last.
	By string
	// At is when the last one ended, zero when there was none; Problem says why it
	// failed.
	At      time.Time
	Problem string
}

// RequestReload asks every instance of the roles to reload its secret provider.
// by is the operator.
func (s *Store) RequestReload(ctx context.Context, by string, roles ...Role) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		for _, role := range roles {
			if _, err := s.exec(ctx, tx, "request reload", `UPDATE IM_EngineInstances SET reload_wanted = reload_wanted + 1, reload_by = @p1
				WHERE role = @p2`, clip(by, maxLabelBytes), string(role)); err != nil {
				return err
			}
		}
		return nil
	})
}

// RequestReloadOf asks one instance. [ErrNotFound].
func (s *Store) RequestReloadOf(ctx context.Context, by string, role Role, name string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "request reload of one", `UPDATE IM_EngineInstances SET reload_wanted = reload_wanted + 1, reload_by = @p1
			WHERE role = @p2 AND name_key = @p3`, clip(by, maxLabelBytes), string(role), key(name))
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// ReloadRequest is a wish for a reload.
type ReloadRequest struct {
	// Number is what [Store.ReloadDone] needs; 0 when no reload is wanted.
	Number int64
	By     string
}

// ReloadWanted returns the wish that self has not answered yet. [ErrNotFound]
// when another process registered under its name.
func (s *Store) ReloadWanted(ctx context.Context, self Instance) (ReloadRequest, error) {
	var wanted, done int64
	var r ReloadRequest
	err := s.row(ctx, s.db.Read, "wanted reload", `SELECT reload_wanted, reload_done, reload_by FROM IM_EngineInstances
		WHERE role = @p1 AND name_key = @p2 AND incarnation = @p3`,
		[]any{string(self.Role), key(self.Name), self.Incarnation}, []any{&wanted, &done, &r.By})
	if err != nil || wanted <= done {
		return ReloadRequest{}, err
	}
	r.Number = wanted
	return r, nil
}

// ReloadDone records how a reload of self went; problem is empty when it
// succeeded. It answers the wishes up to number, which is 0 for a reload that
// nobody asked for here.
func (s *Store) ReloadDone(ctx context.Context, self Instance, number int64, problem string) error {
	return s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, "record reload", `UPDATE IM_EngineInstances SET reload_at = @p1, reload_problem = @p2,
			reload_done = CASE WHEN reload_done < @p3 THEN @p3 ELSE reload_done END
			WHERE role = @p4 AND name_key = @p5 AND incarnation = @p6`,
			s.now(), clip(problem, maxProblemBytes), number, string(self.Role), key(self.Name), self.Incarnation)
		if err == nil && n == 0 {
			return ErrReplaced
		}
		return err
	})
}

// maxProblemBytes is what is kept of why a reload failed; the log has it whole.
const maxProblemBytes = 2000
