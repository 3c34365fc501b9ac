package conformance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// callCases are about calls as such: deadlines, many at once, refused ones.
func callCases() []Case {
	return []Case{
		{Name: "every-call-has-a-deadline", Page: "README.md", Level: Core, About: "a call without one is INTERNAL of HOST, and does nothing", run: refusesEndlessCalls},
		{Name: "plugin-gives-up-with-its-caller", Page: "README.md", Level: Core, About: "calls end with their deadline, and those that were given up do no harm", run: givesUp, phase: alone},
		{Name: "calls-come-concurrently", Page: "README.md", Level: Core, About: "64 calls at once are answered right, and not one after the other", run: servesManyAtOnce, phase: alone},
		{Name: "running-plugin-answers-getinfo", Page: "process.md", Level: Core, About: "within 5 s, while 128 other calls are under way", run: givesSignsOfLife, phase: alone},
		{Name: caseClaims, Page: "plugin.md", Level: Core, About: "no call that is claimed is answered with UNSUPPORTED", run: servesWhatItClaims},
		{Name: caseCheck, Page: "plugin.md", Level: Core, About: "a check answers, changes nothing and shows no value", run: checksQuietly, phase: alone},
	}
}

// callAll makes every call that needs a configuration and that the plugin claims,
// with a ref that has no secret.
func (t *trial) callAll(ctx context.Context, p *plugin) map[string]error {
	ref := t.ref("absent")
	out := map[string]error{}
	_, out["Describe"] = p.Describe(ctx, &pb.DescribeRequest{Ref: ref})
	_, out["Get"] = p.Get(ctx, &pb.GetRequest{Ref: ref})
	if _, err := p.Check(ctx, &pb.CheckRequest{}); !isOne(err, fault.Unsupported) {
		out["Check"] = err
	}
	if t.claims(facade.List) {
		_, out["List"] = p.List(ctx, &pb.ListRequest{PageSize: 10})
	}
	if t.claims(facade.Versions) {
		_, out["ListVersions"] = p.ListVersions(ctx, &pb.ListVersionsRequest{Ref: ref, PageSize: 10})
	}
	if t.claims(facade.Write) {
		_, out["Set"] = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: []byte("x")})
	}
	if t.claims(facade.Delete) {
		_, out["Delete"] = p.Delete(ctx, &pb.DeleteRequest{Ref: ref})
	}
	if t.claims(facade.Recover) {
		_, out["Recover"] = p.Recover(ctx, &pb.RecoverRequest{Ref: ref})
	}
	if t.claims(facade.Purge) {
		_, out["Purge"] = p.Purge(ctx, &pb.PurgeRequest{Ref: ref})
	}
	return out
}

func refusesEndlessCalls(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	endless, cancel := context.WithCancel(withoutDeadline(ctx))
	defer time.AfterFunc(t.config.CallLimit, cancel).Stop()
	defer cancel()
	calls := t.callAll(endless, p)
	_, calls["GetInfo"] = p.GetInfo(endless, &pb.GetInfoRequest{})
	for call, err := range calls {
		if err := wantFrom(call+" without a deadline", err, fault.Internal, fault.SourceHost); err != nil {
			t.problem(err)
		}
	}
	if t.claims(facade.Write) && calls["Set"] != nil {
		if got, err := p.Get(ctx, &pb.GetRequest{Ref: t.ref("absent")}); err == nil && string(got.GetValue()) == "x" {
			t.failf("Set without a deadline was refused and stored a value, expected nothing to be done")
		}
	}
	return nil
}

// patient is a context that tells the plugin a deadline and goes on waiting after
// it: what comes then is the plugin's own answer.
type patient struct {
	context.Context
	told time.Time
}

func (p patient) Deadline() (time.Time, bool) { return p.told, true }

// grace is how long after its deadline a call may be answered.
const grace = 2 * time.Second

func givesUp(ctx context.Context, t *trial) error {
	sub, err := t.subject(ctx)
	if err != nil {
		return err
	}
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := p.holds(ctx, sub.ref, sub.value); err != nil {
		return err
	}
	usual := time.Since(start)
	ask := func(deadline time.Duration) {
		bounded, cancel := context.WithTimeout(ctx, deadline+grace)
		defer cancel()
		_, err := p.Get(patient{bounded, time.Now().Add(deadline)}, &pb.GetRequest{Ref: sub.ref})
		switch {
		case bounded.Err() != nil:
			t.failf("a Get with a deadline of %s had no answer %s after it, expected the plugin to give up", deadline, grace)
		case err != nil && !isOne(err, fault.Timeout, fault.Cancelled):
			t.failf("a Get with a deadline of %s: expected the value, TIMEOUT or CANCELLED, got %s", deadline, told(err))
		}
	}
	for _, deadline := range []time.Duration{200 * time.Millisecond, 20 * time.Millisecond, time.Millisecond} {
		parallel(4, func(int) { ask(deadline) })
	}
	parallel(32, func(i int) {
		given, cancel := context.WithCancel(ctx)
		defer time.AfterFunc(time.Duration(i)*200*time.Microsecond, cancel).Stop()
		defer cancel()
		_, _ = p.Get(given, &pb.GetRequest{Ref: sub.ref})
		_, _ = p.Describe(given, &pb.DescribeRequest{Ref: sub.ref})
	})
	start = time.Now()
	if err := p.holds(ctx, sub.ref, sub.value); err != nil {
		t.failf("after calls that were given up: %w", err)
	} else if took := time.Since(start); took > grace+callers*usual {
		t.failf("after calls that were given up a Get took %s, and %s before, expected it not to wait for them",
			took.Round(time.Millisecond), usual.Round(time.Millisecond))
	}
	if !t.claims(facade.Write) {
		return nil
	}
	return t.givesUpWrites(ctx, p)
}

// givesUpWrites breaks writes off; each is done or not, and the next one works.
func (t *trial) givesUpWrites(ctx context.Context, p *plugin) error {
	ref, first, last := t.ref("broken-off"), t.leaks.value(100), t.leaks.value(100)
	if _, err := p.set(ctx, ref, first); err != nil {
		return err
	}
	parallel(16, func(i int) {
		given, cancel := context.WithTimeout(ctx, time.Duration(i)*time.Millisecond/4)
		defer cancel()
		_, _ = p.Set(given, &pb.SetRequest{Ref: ref, Value: t.leaks.value(100)})
	})
	if _, err := p.set(ctx, ref, last); err != nil {
		return fmt.Errorf("after writes that were given up: %w", err)
	}
	return nil
}

// Callers at once, and the time of one call from which on standing in a queue
// shows: shorter calls are bound by the processor.
const (
	callers = 64
	noticed = 20 * time.Millisecond
	speedup = 4
)

func servesManyAtOnce(ctx context.Context, t *trial) error {
	sub, err := t.subject(ctx)
	if err != nil {
		return err
	}
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	var one []time.Duration
	for range 5 {
		start := time.Now()
		if err := p.holds(ctx, sub.ref, sub.value); err != nil {
			return err
		}
		one = append(one, time.Since(start))
	}
	slices.Sort(one)
	start := time.Now()
	parallel(callers, func(int) {
		if err := p.holds(ctx, sub.ref, sub.value); err != nil {
			t.failf("one of %d at once: %w", callers, err)
		}
	})
	took, queue := time.Since(start), callers*one[len(one)/2]
	if one[len(one)/2] >= noticed && took > queue/speedup {
		t.failf("a Get takes %s, and %d at once took %s, expected them not to wait for each other",
			one[len(one)/2].Round(time.Millisecond), callers, took.Round(time.Millisecond))
	}
	if !t.claims(facade.Write) {
		return nil
	}
	parallel(callers, func(i int) {
		ref, value := t.ref(fmt.Sprint("many-", i)), t.leaks.value(64)
		if _, err := p.set(ctx, ref, value); err != nil {
			t.failf("one of %d at once: %w", callers, err)
		} else if err := p.holds(ctx, ref, value); err != nil {
			t.failf("one of %d at once: %w", callers, err)
		}
	})
	return nil
}

// lifeLimit is how long a host waits for a sign of life.
const lifeLimit = 5 * time.Second

// givesSignsOfLife asks while more calls are under way than most servers have
// threads for.
func givesSignsOfLife(ctx context.Context, t *trial) error {
	sub, err := t.subject(ctx)
	if err != nil {
		return err
	}
	return t.fresh(ctx, func(p *plugin) error {
		if err := p.configure(ctx, t.config.Config); err != nil {
			return err
		}
		busy, over := context.WithCancel(ctx)
		var calls sync.WaitGroup
		for range 2 * callers {
			calls.Go(func() {
				for busy.Err() == nil {
					if _, err := p.Get(busy, &pb.GetRequest{Ref: sub.ref}); err != nil {
						return
					}
				}
			})
		}
		defer calls.Wait()
		defer over()
		for range 3 {
			sleep(ctx, 50*time.Millisecond)
			limited, cancel := context.WithTimeout(ctx, lifeLimit)
			_, err := p.GetInfo(limited, &pb.GetInfoRequest{HostContractMinor: contract.Minor})
			cancel()
			if err != nil {
				return outcome(fmt.Sprintf("GetInfo while %d other calls are under way", 2*callers), err)
			}
		}
		return nil
	})
}

// isUnserved asks for what is claimed, in a way that changes nothing that is
// there.
func (s *suite) isUnserved(ctx context.Context, p *plugin, c facade.Capability) bool {
	ref := s.prefix() + "claims"
	var err error
	switch c {
	case facade.List:
		_, err = p.List(ctx, &pb.ListRequest{PageSize: 1})
	case facade.Versions:
		_, err = p.ListVersions(ctx, &pb.ListVersionsRequest{Ref: ref, PageSize: 1})
	case facade.Write:
		_, err = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: []byte("x")})
	case facade.ConditionalSet:
		expected := "none"
		_, err = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: []byte("x"), ExpectedVersion: &expected})
	case facade.Expiry:
		_, err = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: []byte("x"), Expires: inAnHour()})
	case facade.Tags:
		_, err = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: []byte("x"), Tags: map[string]string{"a": "b"}})
	case facade.Delete:
		_, err = p.Delete(ctx, &pb.DeleteRequest{Ref: ref + "-absent"})
	case facade.Recover:
		_, err = p.Recover(ctx, &pb.RecoverRequest{Ref: ref + "-absent"})
	case facade.Purge:
		_, err = p.Purge(ctx, &pb.PurgeRequest{Ref: ref + "-absent"})
	}
	return isOne(err, fault.Unsupported)
}

func servesWhatItClaims(_ context.Context, t *trial) error {
	for _, c := range t.info.Capabilities {
		if t.unserved[c] {
			t.failf("it claims %s and answers the call with UNSUPPORTED", c)
		}
	}
	return nil
}

// checksQuietly compares what is stored before and after a check. Others may use
// the store as well, so that only what happens again and again is the check's.
func checksQuietly(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	const tries = 3
	for range tries {
		before, err := t.state(ctx, p)
		if err != nil {
			return err
		}
		_, err = p.Check(ctx, &pb.CheckRequest{})
		if isOne(err, fault.Unsupported) {
			return skipf("the plugin has no check")
		}
		if err != nil {
			return outcome("Check", err)
		}
		after, err := t.state(ctx, p)
		if err != nil {
			return err
		}
		if maps.Equal(before, after) {
			return nil
		}
	}
	return fmt.Errorf("each of %d checks changed what is stored, as List and Describe tell it", tries)
}

// state is the version of every secret by its name, as far as the plugin tells.
func (t *trial) state(ctx context.Context, p *plugin) (map[string]string, error) {
	out := map[string]string{}
	if sub, err := t.subject(ctx); err == nil {
		m, err := p.describe(ctx, sub.ref)
		if err != nil {
			return nil, err
		}
		out["the subject"] = m.GetVersion()
	}
	if !t.claims(facade.List) {
		return out, nil
	}
	items, err := p.listAll(ctx, contract.MaxPageItems)
	for _, m := range items {
		out[m.GetName()] = m.GetVersion()
	}
	return out, err
}
