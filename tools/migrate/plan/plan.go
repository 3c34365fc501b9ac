// Package plan finds out what a migration would do, before it does anything: what is in
// both stores, what connectors need, and of each ref whether it can be taken over.
//
// Everything it finds goes to the ledger at once, a page at a time, so that no store
// needs to fit into memory. It changes neither store. Start reading at [Make].
package plan

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// Config of a plan.
type Config struct {
	Ledger *ledger.Ledger
	Pair   *stores.Pair
	// Uses are the refs that connectors need, with the names of those.
	Uses         map[secret.Ref][]string
	Fingerprints *stores.Fingerprints
	// Concurrency is how many refs are looked at once.
	Concurrency int
	// Name of a ref in a store; nil for [naming.Name].
	Name func(ref string) string
	// OnProgress, when set, is told how many of the refs were judged.
	OnProgress func(done, all int)
}

// Result is what a plan found, beside what it wrote to the ledger.
type Result struct {
	// Verdicts counts the refs that are not copied yet.
	Verdicts map[ledger.Verdict]int `json:"verdicts"`
	// Unused is how many of them no connector needs; they are copied all the same.
	Unused int `json:"unused"`
	// Underway is how many were copied by an earlier run.
	Underway int `json:"underway"`
	// Unnamed entries of the source have no known ref, and cannot be moved.
	Unnamed int `json:"unnamed"`
	// Complete is true when the source promises that it listed all its secrets.
	Complete bool `json:"complete"`
	// Seconds is how long a run takes at least, by the target's limit; 0 when it states
	// none.
	Seconds float64 `json:"seconds"`
	// PerSecond is that limit; 0 for none.
	PerSecond float64 `json:"perSecond"`
	// Notes are for the operator.
	Notes []string `json:"notes"`
}

// Runnable reports whether a run can take over everything.
func (r Result) Runnable() bool {
	for v, n := range r.Verdicts {
		if !v.Runnable() && n > 0 {
			return false
		}
	}
	return r.Complete && r.Unnamed == 0
}

// planner makes one plan.
type planner struct {
	Config
	plan   *ledger.Planning
	listed bool // the target's listing is known to be complete
	write  string
	result Result
}

// Make makes the plan. It can be made again at any time; what was copied stays as it
// is. An error leaves the ledger usable, and the plan to be made again.
func Make(ctx context.Context, c Config) (Result, error) {
	if c.Name == nil {
		c.Name = naming.Name
	}
	p := &planner{Config: c}
	p.result.Notes = []string{}
	err := c.Ledger.NotSwitched(ctx)
	if err != nil {
		return p.result, err
	}
	if p.plan, err = c.Ledger.BeginPlan(ctx); err != nil {
		return p.result, err
	}
	p.rights()
	if err := p.source(ctx); err != nil {
		return p.result, fmt.Errorf("list the source %s: %w", c.Pair.From.Side.Store, err)
	}
	if err := p.target(ctx); err != nil {
		return p.result, fmt.Errorf("list the target %s: %w", c.Pair.To.Side.Store, err)
	}
	if err := p.judgeAll(ctx); err != nil {
		return p.result, err
	}
	if err := p.plan.End(ctx); err != nil {
		return p.result, err
	}
	return p.result, p.sum(ctx)
}

// rights finds out whether the target may be written, without writing.
func (p *planner) rights() {
	to := p.Pair.To
	if !to.Has(facade.Write) {
		p.write = fmt.Sprintf("provider %s does not write", to.Side.Provider)
		return
	}
	for _, result := range to.Check.Results {
		switch {
		case result.Skipped:
			p.note("the target's right to %s: %s", result.Name, result.Message)
		case !result.OK && result.Name == "write":
			p.write = result.Message
		case !result.OK:
			p.note("the target's check of %q failed: %s", result.Name, result.Message)
		}
	}
	for _, c := range []struct {
		capability facade.Capability
		lost       string
	}{{facade.Expiry, "expiry times"}, {facade.Tags, "tags"}} {
		if p.Pair.From.Has(c.capability) && !to.Has(c.capability) {
			p.note("the target keeps no %s; those of the source are not carried over", c.lost)
		}
	}
	if to.Has(facade.HostBound) {
		p.note("what is in the target opens on this host only")
	}
}

func (p *planner) note(format string, args ...any) {
	p.result.Notes = append(p.result.Notes, fmt.Sprintf(format, args...))
}

// source keeps what the source lists and what connectors need.
func (p *planner) source(ctx context.Context) error {
	named := map[string]secret.Ref{} // of the refs of connectors, which are few
	var items []ledger.Item
	for _, ref := range slices.Sorted(maps.Keys(p.Uses)) {
		named[p.Name(string(ref))] = ref
		items = append(items, ledger.Item{Ref: ref, Name: p.Name(string(ref)), Used: true})
	}
	if err := p.plan.Seen(ctx, items); err != nil {
		return err
	}
	from := p.Pair.From
	if !from.Has(facade.List) {
		p.note("the source cannot list its secrets; only those that connectors need are planned")
		return nil
	}
	return pages(ctx, from, &p.result.Complete, func(page []secret.Metadata) error {
		items, unnamed := items[:0], []string(nil)
		for _, m := range page {
			ref := m.Ref
			if ref == "" {
				ref = named[strings.ToLower(m.Name)]
			}
			if ref == "" {
				unnamed = append(unnamed, m.Name)
				continue
			}
			items = append(items, ledger.Item{Ref: ref, Name: p.Name(string(ref))})
		}
		if err := p.plan.Seen(ctx, items); err != nil {
			return err
		}
		return p.plan.Unnamed(ctx, unnamed, "the source knows this entry by its name only, and no connector uses a ref of that name")
	})
}

// target keeps what the target lists, if it may be listed.
func (p *planner) target(ctx context.Context) error {
	to := p.Pair.To
	if !to.Has(facade.List) {
		return nil
	}
	if result, tried := to.Find("list"); tried && !result.OK {
		return nil // each ref is looked for by itself
	}
	return pages(ctx, to, &p.listed, func(page []secret.Metadata) error { return p.plan.Target(ctx, page) })
}

func pages(ctx context.Context, s *stores.Store, complete *bool, do func([]secret.Metadata) error) error {
	for request := (provider.ListRequest{Size: provider.MaxPageSize}); ; {
		page, err := stores.Patiently(ctx, s, func(ctx context.Context) (secret.Page, error) { return s.List(ctx, request) })
		if err != nil {
			return err
		}
		if err := do(page.Items); err != nil {
			return err
		}
		if request.Token = page.Next; request.Token == "" {
			*complete = page.Complete
			return nil
		}
	}
}

// unjudged are the states that a plan has a say in.
func unjudged() []ledger.State {
	return []ledger.State{"", ledger.Planned, ledger.Blocked, ledger.RolledBack}
}

// judgeAll judges each ref that was not copied.
func (p *planner) judgeAll(ctx context.Context) error {
	all, err := p.count(ctx)
	if err != nil {
		return err
	}
	var done atomic.Int64
	return p.Ledger.Work(ctx, unjudged(), p.Concurrency, func(ctx context.Context, e ledger.Entry) error {
		if e.Open != 0 {
			return nil // a run finds out first how its step ended
		}
		err := p.judge(ctx, e)
		if n := int(done.Add(1)); err == nil && p.OnProgress != nil {
			p.OnProgress(n, all)
		}
		return err
	})
}

func (p *planner) count(ctx context.Context) (all int, err error) {
	counts, err := p.Ledger.Counts(ctx)
	for _, state := range unjudged() {
		all += counts[state]
	}
	return all, err
}

// sum counts what was found.
func (p *planner) sum(ctx context.Context) error {
	p.result.Verdicts = map[ledger.Verdict]int{}
	err := p.Ledger.Entries(ctx, nil, func(e ledger.Entry) error {
		if !slices.Contains(unjudged(), e.State) {
			p.result.Underway++
			return nil
		}
		p.result.Verdicts[e.Verdict]++
		if !e.Used {
			p.result.Unused++
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, unnamed, err := p.Ledger.Unnamed(ctx, 0)
	p.result.Unnamed = unnamed
	if limit := p.Pair.To.Pacer.Limit(); !math.IsInf(limit, 1) {
		p.result.PerSecond = p.Pair.To.Info.Limits.CallsPerSecond
		sets := p.result.Verdicts[ledger.Create] + p.result.Verdicts[ledger.SoftDeleted]
		p.result.Seconds = math.Ceil(float64(sets) / limit)
	}
	if !p.result.Complete && p.Pair.From.Has(facade.List) {
		p.note("the source does not promise that it listed all its secrets")
	}
	return err
}

// Lasts is how long a run takes at least.
func (r Result) Lasts() time.Duration { return time.Duration(r.Seconds * float64(time.Second)) }
