package conformance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// endCases are about how a process leaves.
func endCases() []Case {
	return []Case{
		{Name: "drained-plugin-takes-no-new-calls", Page: "plugin.md", Level: Core, About: "they are UNAVAILABLE of PLUGIN; a second Drain is as the first", run: drains},
		{Name: "drain-does-not-end-the-process-too-early", Page: "plugin.md", Level: Core, About: "calls under way get an answer", run: finishesCalls},
		{Name: "plugin-leaves-when-stdin-ends", Page: "process.md", Level: Core, About: "within 2 s, before Configure, busy and drained", run: leaves},
	}
}

func drains(ctx context.Context, t *trial) error {
	return t.fresh(ctx, func(p *plugin) error {
		if err := p.configure(ctx, t.config.Config); err != nil {
			return err
		}
		p.ended.Store(true) // it may leave by itself
		for _, when := range []string{"the first", "a second"} {
			_, err := p.Drain(ctx, &pb.DrainRequest{})
			if err != nil && p.gone() {
				return nil // it may leave by itself; that calls under way are answered is another rule
			}
			if err != nil {
				return outcome(when+" Drain", err)
			}
		}
		for call, err := range t.callAll(ctx, p) {
			if wrong := wantFrom(call+" after Drain", err, fault.Unavailable, fault.SourcePlugin); wrong != nil && !p.gone() {
				t.problem(wrong)
			}
		}
		if _, err := p.GetInfo(ctx, &pb.GetInfoRequest{}); err != nil && !p.gone() {
			t.failf("GetInfo after Drain: got %s, expected an answer", told(err))
		}
		return nil
	})
}

// gone reports whether the process has ended, and waits a moment to find out.
func (p *plugin) gone() bool {
	select {
	case <-p.process.Done():
		return true
	case <-time.After(100 * time.Millisecond):
		return false
	}
}

// finishesCalls drains while calls are under way, one after the other from many
// callers. None that was made before may be cut off; those that come too late are
// refused, or find nobody.
func finishesCalls(ctx context.Context, t *trial) error {
	return t.fresh(ctx, func(p *plugin) error {
		if err := p.configure(ctx, t.config.Config); err != nil {
			return err
		}
		p.ended.Store(true) // it may leave by itself afterwards
		calling, over := context.WithTimeout(ctx, t.config.CallLimit)
		defer over()
		var late atomic.Bool
		var answered atomic.Int32 // so many that all callers are at it
		var wg sync.WaitGroup
		for i := range callers / 2 {
			wg.Go(func() {
				for calling.Err() == nil {
					inTime := !late.Load()
					call, err := t.callOnce(calling, p, i)
					answered.Add(1)
					if inTime && status.Code(err) == codes.Unavailable && len(status.Convert(err).Details()) == 0 {
						t.failf("a %s that was under way during Drain was cut off (%s), expected an answer or the refusal", call, told(err))
					}
					if status.Code(err) == codes.Unavailable {
						return
					}
				}
			})
		}
		for answered.Load() < callers && calling.Err() == nil {
			sleep(ctx, time.Millisecond)
		}
		late.Store(true)
		_, err := p.Drain(ctx, &pb.DrainRequest{})
		time.AfterFunc(time.Second, over) // of a plugin that goes on as before
		wg.Wait()
		if err != nil && p.gone() {
			return outcome("Drain ended the process", err)
		}
		return nil // that it is answered is another rule
	})
}

// callOnce makes a call that takes a while, if the plugin has one.
func (t *trial) callOnce(ctx context.Context, p *plugin, i int) (call string, err error) {
	if !t.claims(facade.Write) {
		_, err = p.Describe(ctx, &pb.DescribeRequest{Ref: t.ref("absent")})
		return "Describe", err
	}
	value := t.leaks.value(min(64<<10, t.info.Limits.MaxValueBytes))
	_, err = p.Set(ctx, &pb.SetRequest{Ref: t.ref(fmt.Sprint(i % 8)), Value: value})
	return "Set", err
}

// leaveSlack is for the system to notice the end of a process.
const leaveSlack = 500 * time.Millisecond

func leaves(ctx context.Context, t *trial) error {
	for _, when := range []string{"before Configure", "while busy", "after Drain"} {
		p, err := t.start(ctx)
		if err != nil {
			return err
		}
		if when != "before Configure" {
			if err := p.configure(ctx, t.config.Config); err != nil {
				return err
			}
		}
		var wg sync.WaitGroup
		busy, over := context.WithCancel(ctx)
		if when == "while busy" {
			for range 4 {
				wg.Go(func() {
					for busy.Err() == nil {
						if _, err := p.Describe(busy, &pb.DescribeRequest{Ref: t.ref("absent")}); status.Code(err) == codes.Unavailable {
							return
						}
					}
				})
			}
			sleep(ctx, 20*time.Millisecond)
		}
		if when == "after Drain" {
			_, _ = p.Drain(ctx, &pb.DrainRequest{})
			p.ended.Store(true)
		}
		took, left := p.stop()
		over()
		wg.Wait()
		if !left || took > contract.LeaveGrace+leaveSlack {
			t.failf("%s: %s after its stdin ended it was still there, expected it to leave within %s", when, took.Round(100*time.Millisecond), contract.LeaveGrace)
		}
	}
	return nil
}
