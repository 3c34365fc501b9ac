package conformance

import (
	"context"
	"fmt"
	"sync"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// conditionalCases are about writes that expect a version.
func conditionalCases() []Case {
	needs := []facade.Capability{facade.Write, facade.ConditionalSet}
	return []Case{
		{Name: "set-honours-the-expected-version", Page: "write.md", Level: Writer, Needs: needs, About: "the right version works, another or none is refused with its reason", run: honoursTheVersion},
		{Name: "set-compares-and-writes-in-one-step", Page: "write.md", Level: Writer, Needs: needs, About: "of 16 writers in two processes that expect the same version exactly one succeeds", run: comparesInOneStep},
	}
}

func honoursTheVersion(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref := t.ref("a")
	_, err = p.setAt(ctx, t.ref("absent"), t.leaks.value(48), "1")
	if err := want("Set of an absent secret that expects a version", err, fault.VersionConflict); err != nil {
		t.problem(err)
	}
	first, err := p.setAt(ctx, ref, t.leaks.value(48), "")
	if err != nil {
		return outcome("Set that expects nothing to be there, where nothing is", err)
	}
	_, err = p.setAt(ctx, ref, t.leaks.value(48), "")
	if err := want("Set that expects nothing to be there, where a secret is", err, fault.AlreadyExists); err != nil {
		t.problem(err)
	}
	_, err = p.setAt(ctx, ref, t.leaks.value(48), "no such version")
	if err := want("Set that expects a version that never was", err, fault.VersionConflict); err != nil {
		t.problem(err)
	}
	if first.GetVersion() == "" {
		return nil // another rule's matter
	}
	if _, err = p.setAt(ctx, ref, t.leaks.value(48), first.GetVersion()); err != nil {
		return outcome("Set that expects the current version", err)
	}
	_, err = p.setAt(ctx, ref, t.leaks.value(48), first.GetVersion())
	if err := want("Set that expects the version before the current one", err, fault.VersionConflict); err != nil {
		t.problem(err)
	}
	return nil
}

func comparesInOneStep(ctx context.Context, t *trial) error {
	p, other, err := t.pair(ctx)
	if err != nil {
		return err
	}
	ref, version := t.ref("a"), ""
	for round := range 4 {
		if version, err = t.race(ctx, []*plugin{p, other}, ref, version); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	return nil
}

// race lets 16 writers expect the same version, and returns the one that the only
// winner made.
func (t *trial) race(ctx context.Context, plugins []*plugin, ref, expected string) (string, error) {
	const writers = 16
	var mu sync.Mutex
	var won []string
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range writers {
		value := t.leaks.value(48)
		wg.Go(func() {
			<-start
			m, err := plugins[i%len(plugins)].setAt(ctx, ref, value, expected)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, m.GetVersion())
			} else if !isOne(err, fault.VersionConflict, fault.AlreadyExists) {
				t.failf("one of %d writers that expect the same version: expected VERSION_CONFLICT or ALREADY_EXISTS, got %s", writers, told(err))
			}
		})
	}
	close(start)
	wg.Wait()
	if len(won) != 1 {
		return "", fmt.Errorf("of %d writers that expect the same version %d succeeded, expected one", writers, len(won))
	}
	return won[0], nil
}
