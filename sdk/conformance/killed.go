package conformance

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// killCases are about processes that end in the middle of something.
func killCases() []Case {
	write := []facade.Capability{facade.Write}
	return []Case{
		{Name: "set-outlives-the-process", Page: "write.md", Level: Writer, Needs: write, About: "the next process has it, after a stop in order and after a kill", run: outlives},
		{Name: "end-at-any-moment-corrupts-nothing", Page: "process.md", Level: Writer, Needs: write, About: "killed during Set, the next process has the old value or the new one, whole", run: survivesKills},
	}
}

func outlives(ctx context.Context, t *trial) error {
	ref := t.ref("a")
	var value []byte
	for _, end := range []string{"", "a stop in order", "a kill"} {
		p, err := t.configured(ctx)
		if err != nil {
			return err
		}
		if end != "" {
			if err := p.holds(ctx, ref, value); err != nil {
				t.failf("after %s of the process that wrote it: %w", end, err)
			}
		}
		value = t.leaks.value(48)
		if _, err := p.set(ctx, ref, value); err != nil {
			p.stop()
			return err
		}
		if end == "a stop in order" {
			p.kill()
		} else {
			p.stop()
		}
	}
	return nil
}

// kills is how often a process is killed; each takes a start of the plugin.
const kills = 6

func survivesKills(ctx context.Context, t *trial) error {
	p, err := t.configured(ctx)
	if err != nil {
		return err
	}
	defer func() { p.stop() }()
	ref, size := t.ref("a"), min(256<<10, t.info.Limits.MaxValueBytes)
	old := t.leaks.value(size)
	// The kills are spread over the time of a write, as far as that is known.
	typical := time.Hour
	measured := func(value []byte) error {
		start := time.Now()
		_, err := p.set(ctx, ref, value)
		typical = min(typical, time.Since(start))
		return err
	}
	if err := measured(old); err != nil {
		return err
	}
	for round := range kills {
		next := t.leaks.value(size)
		answered := make(chan error, 1)
		running := p
		go func() {
			_, err := running.Set(ctx, &pb.SetRequest{Ref: ref, Value: next})
			answered <- err
		}()
		sleep(ctx, typical*time.Duration(2*round+1)/(2*kills)+time.Duration(rand.Int64N(int64(typical/kills)+1)))
		running.kill()
		stored := <-answered == nil
		started, err := t.configured(ctx)
		if err != nil {
			return fmt.Errorf("after %d kills the plugin does not start: %w", round+1, err)
		}
		p = started
		got, err := p.Get(ctx, &pb.GetRequest{Ref: ref})
		if err != nil {
			return fmt.Errorf("Get after a kill during Set: expected the old value or the new one, got %s", told(err))
		}
		switch value := got.GetValue(); {
		case bytes.Equal(value, next):
			old = next
		case !bytes.Equal(value, old):
			return fmt.Errorf("after a kill during Set the value is neither the old one nor the new one (%d bytes, expected %d)", len(value), size)
		case stored:
			return fmt.Errorf("Set answered, the process was killed, and the old value is back")
		}
		// The lost answer is made up for by sending the write again.
		if err := measured(next); err != nil {
			return fmt.Errorf("the same Set after a kill: %w", err)
		}
		if err := p.holds(ctx, ref, next); err != nil {
			return fmt.Errorf("the same Set after a kill: %w", err)
		}
		old = next
	}
	return t.survivesFirstKill(ctx, p)
}

// survivesFirstKill kills during the first Set of a secret, which may leave
// nothing.
func (t *trial) survivesFirstKill(ctx context.Context, p *plugin) error {
	if _, err := p.Get(ctx, &pb.GetRequest{Ref: t.ref("absent")}); err == nil {
		p.stop()
		return nil // what is not there cannot be told from what is: another rule's matter
	}
	ref, value := t.ref("first"), t.leaks.value(min(256<<10, t.info.Limits.MaxValueBytes))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: value})
	}()
	sleep(ctx, time.Duration(rand.Int64N(int64(5*time.Millisecond))))
	p.kill()
	<-sent
	next, err := t.configured(ctx)
	if err != nil {
		return err
	}
	defer next.stop()
	got, err := next.Get(ctx, &pb.GetRequest{Ref: ref})
	switch {
	case err != nil && !isOne(err, fault.NotFound):
		return fmt.Errorf("Get after a kill during the first Set: expected the value or NOT_FOUND, got %s", told(err))
	case err == nil && !bytes.Equal(got.GetValue(), value):
		return fmt.Errorf("after a kill during the first Set: %s", differ(got.GetValue(), value))
	}
	return nil
}
