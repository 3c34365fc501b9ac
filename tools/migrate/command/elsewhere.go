package command

import (
	"context"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

const (
	// fewMigrations is more than anybody has under way.
	fewMigrations = 20
	// abandoned is how long nothing was heard of a migration that nobody works with:
	// more than clocks of hosts differ.
	abandoned = time.Hour
)

// alone makes sure that no other host works with another migration of this product: its
// locks are not seen from here, but what it publishes is. The error is a
// [*ledger.LockedError]. Two that begin within seconds can miss each other; a purge looks
// at what is in force all the same.
func (s *session) alone(ctx context.Context) error {
	before, err := s.elsewhere(ctx)
	if err != nil || len(before) == 0 {
		return err
	}
	// Clocks of hosts differ, so it is seen by whether it goes on publishing.
	s.note("another host has a migration under way; looking whether it is being worked with")
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(publishEvery + time.Second):
	}
	after, err := s.elsewhere(ctx)
	if err != nil {
		return err
	}
	for id, m := range after {
		if was, there := before[id]; !there || !was.Updated.Equal(m.Updated) {
			return &ledger.LockedError{Path: m.Ledger, Holder: ledger.Holder{Who: m.By, Host: m.Machine, Command: m.Step}}
		}
	}
	return nil
}

// elsewhere returns the migrations that other hosts began and that may be under way.
func (s *session) elsewhere(ctx context.Context) (map[string]store.Migration, error) {
	list, err := s.db.ListMigrations(ctx, fewMigrations)
	if err != nil {
		return nil, err
	}
	_, host := audit.Caller()
	out := map[string]store.Migration{}
	for _, m := range list {
		if m.ID != s.migration.ID && m.Machine != host && m.Finished.IsZero() && s.Now().Sub(m.Updated).Abs() < abandoned {
			out[m.ID] = m
		}
	}
	return out, nil
}
