package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Planning is a plan while it is being made. What it finds is kept at once, so that
// no store needs to fit into memory.
type Planning struct {
	ledger     *Ledger
	generation int64
}

// noteGeneration counts the plans that were begun.
const noteGeneration = "plan.generation"

// BeginPlan begins a plan. What an earlier one found about refs that were not copied
// yet is found again.
func (l *Ledger) BeginPlan(ctx context.Context) (*Planning, error) {
	text, err := l.Note(ctx, noteGeneration)
	if err != nil {
		return nil, err
	}
	before, _ := strconv.ParseInt(text, 10, 64) // the first one finds none
	p := &Planning{l, before + 1}
	return p, l.submit(ctx, func(b *batch) error {
		for _, table := range []string{"unnamed", "target_entries"} {
			if err := b.exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		return b.exec("INSERT INTO notes (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
			noteGeneration, strconv.FormatInt(p.generation, 10))
	})
}

// Item is a ref that a plan found.
type Item struct {
	Ref secret.Ref
	// Name in every store; see package naming.
	Name string
	// Used is true when a connector needs it. Once said, it holds for this plan.
	Used bool
}

// Seen keeps refs of the source or of connectors.
func (p *Planning) Seen(ctx context.Context, items []Item) error {
	return p.ledger.submit(ctx, func(b *batch) error {
		for _, i := range items {
			used := 0
			if i.Used {
				used = 1
			}
			err := b.exec(`INSERT INTO refs (ref, name, state, verdict, generation, used, source_version, target_version, written, reason, next, reads, changed, open)
				VALUES (?, ?, '', '', ?, ?, '', '', '', '', '', 0, ?, 0)
				ON CONFLICT (ref) DO UPDATE SET
					used = CASE WHEN generation = excluded.generation THEN MAX(used, excluded.used) ELSE excluded.used END,
					generation = excluded.generation`,
				string(i.Ref), i.Name, p.generation, used, b.at)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Unnamed keeps entries of the source whose ref is not known.
func (p *Planning) Unnamed(ctx context.Context, names []string, reason string) error {
	return p.ledger.submit(ctx, func(b *batch) error {
		for _, name := range names {
			if err := b.exec("INSERT OR REPLACE INTO unnamed (name, reason) VALUES (?, ?)", name, reason); err != nil {
				return err
			}
		}
		return nil
	})
}

// Target keeps what the target lists.
func (p *Planning) Target(ctx context.Context, page []secret.Metadata) error {
	return p.ledger.submit(ctx, func(b *batch) error {
		for _, m := range page {
			if err := b.exec("INSERT OR REPLACE INTO target_entries (name, ref, version) VALUES (?, ?, ?)", m.Name, string(m.Ref), string(m.Version)); err != nil {
				return err
			}
		}
		return nil
	})
}

// InTarget returns what the target listed under name.
func (p *Planning) InTarget(ctx context.Context, name string) (m secret.Metadata, found bool, err error) {
	m.Name = name
	err = p.ledger.db.Read.QueryRowContext(ctx, "SELECT ref, version FROM target_entries WHERE name = ?", name).Scan(&m.Ref, &m.Version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return m, false, nil
	case err != nil:
		return m, false, fmt.Errorf("read the ledger %s: %w", p.ledger.path, err)
	}
	return m, true, nil
}

// Others returns another ref that has the same name as ref, empty when there is none.
func (p *Planning) Others(ctx context.Context, ref secret.Ref, name string) (other secret.Ref, err error) {
	err = p.ledger.db.Read.QueryRowContext(ctx, "SELECT ref FROM refs WHERE name = ? AND ref <> ? AND generation = ? LIMIT 1", name, string(ref), p.generation).Scan(&other)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the ledger %s: %w", p.ledger.path, err)
	}
	return other, nil
}

// Judge records the verdict about a ref that was not copied yet. It is planned, or
// blocked when no run could take it over.
func (p *Planning) Judge(ctx context.Context, ref secret.Ref, v Verdict, c Change) error {
	return p.ledger.submit(ctx, func(b *batch) error {
		from, open, err := b.state(ref)
		if err != nil {
			return err
		}
		if open != 0 {
			return &BusyError{ref, open}
		}
		to, ok := Next(from, Plan)
		if !ok {
			return &TransitionError{ref, from, Plan}
		}
		step := Plan
		if !v.Runnable() {
			step, to = Block, Blocked
		}
		e := Event{Phase: PhaseOutcome, Step: step, Ref: ref, From: from, To: to, SourceVersion: c.SourceVersion, TargetVersion: c.TargetVersion,
			Outcome: fault.OK.String(), Reason: string(v)}
		if c.Reason != "" {
			e.Reason += ": " + c.Reason
		}
		if _, err := b.event(e); err != nil {
			return err
		}
		if err := b.exec("UPDATE refs SET verdict = ? WHERE ref = ?", string(v), string(ref)); err != nil {
			return err
		}
		return b.move(e, c, e.writes())
	})
}

// End completes the plan. Refs that are no longer there and of which the target has no
// copy leave the ledger; its events keep them.
func (p *Planning) End(ctx context.Context) error {
	return p.ledger.submit(ctx, func(b *batch) error {
		if err := b.exec("DELETE FROM refs WHERE generation < ? AND open = 0 AND state IN ('', 'planned', 'blocked', 'rolled back') AND written = ''", p.generation); err != nil {
			return err
		}
		if err := b.exec("DELETE FROM target_entries"); err != nil {
			return err
		}
		if err := b.exec("UPDATE migration SET planned = ?", b.at); err != nil {
			return err
		}
		_, err := b.event(Event{Phase: PhaseOutcome, Step: Plan, Outcome: fault.OK.String(), Reason: "the plan is complete"})
		return err
	})
}

// Unnamed is an entry of the source that has no ref.
type Unnamed struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Unnamed returns the first entries of the source whose ref is not known, at most
// limit, and how many there are.
func (l *Ledger) Unnamed(ctx context.Context, limit int) (list []Unnamed, all int, err error) {
	list = []Unnamed{}
	if err = l.db.Read.QueryRowContext(ctx, "SELECT COUNT(*) FROM unnamed").Scan(&all); err != nil {
		return nil, 0, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	rows, err := l.db.Read.QueryContext(ctx, "SELECT name, reason FROM unnamed ORDER BY name LIMIT ?", limit)
	if err != nil {
		return nil, 0, fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var u Unnamed
		if err := rows.Scan(&u.Name, &u.Reason); err != nil {
			return nil, 0, fmt.Errorf("read the ledger %s: %w", l.path, err)
		}
		list = append(list, u)
	}
	return list, all, rows.Err()
}
