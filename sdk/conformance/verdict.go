package conformance

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// verdicts are the results of a run as they come.
type verdicts struct {
	suite    *suite
	progress func(Result)

	mu sync.Mutex
	of map[string]Result
	// doubts are cases that failed while the process that they share died: which
	// of them it died of is found out by running each again alone.
	doubts map[string]bool
}

// judge runs the cases, so many at once.
func (v *verdicts) judge(ctx context.Context, atOnce int, cases []Case) {
	var wg sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for _, kase := range cases {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			r, doubtful := v.suite.try(ctx, kase)
			v.note(r, doubtful)
		})
	}
	wg.Wait()
}

func (v *verdicts) note(r Result, doubtful bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.of[r.Case] = r
	if v.doubts == nil {
		v.doubts = map[string]bool{}
	}
	v.doubts[r.Case] = doubtful
	if v.progress != nil {
		v.progress(r)
	}
}

func inPhase(when phase) (out []Case) {
	for _, kase := range Cases() {
		if kase.phase == when {
			out = append(out, kase)
		}
	}
	return out
}

// inDoubt returns the cases to run again.
func (v *verdicts) inDoubt() (out []Case) {
	for _, kase := range Cases() {
		if v.doubts[kase.Name] {
			kase.again = true
			out = append(out, kase)
		}
	}
	return out
}

// amend fails cases against whose rule something was seen in the answers to
// others.
func (v *verdicts) amend() {
	for _, kase := range Cases() {
		r := v.of[kase.Name]
		if found := v.suite.seen.of(kase.Name); len(found) > 0 && r.Verdict != Fail {
			r.Verdict, r.Unmet, r.Why = Fail, false, strings.Join(found[:min(len(found), maxProblems)], "\n")
			v.note(r, false)
		}
	}
}

// try runs one case and judges it. The verdict is doubtful when a process
// that it shares with others died meanwhile.
func (s *suite) try(ctx context.Context, kase Case) (r Result, doubtful bool) {
	r = Result{Case: kase.Name, Spec: kase.Spec(), Level: kase.Level, Verdict: Pass}
	start := time.Now()
	t := &trial{suite: s, kase: kase}
	err := s.ready(ctx, kase)
	if err == nil {
		err = kase.run(ctx, t)
	}
	var skipped *skipError
	if err != nil && !errors.As(err, &skipped) {
		t.problem(err)
	}
	switch problems := t.found(); {
	case ctx.Err() != nil && kase.phase != afterwards:
		r.Verdict, r.Why, r.Unmet = Skip, "the run was ended before this case was", true
	case problems != "":
		r.Verdict, r.Why = Fail, problems
	case skipped != nil:
		r.Verdict, r.Why, r.Unmet = Skip, skipped.why, skipped.unmet
	}
	r.Duration = time.Since(start)
	return r, r.Verdict == Fail && kase.phase != afterwards && s.processDiedSince(start)
}

// ready says whether the case concerns the plugin.
func (s *suite) ready(ctx context.Context, kase Case) error {
	if s.broken != nil {
		if kase.Name == s.brokenBy {
			return s.broken
		}
		return unmet("the plugin cannot be used: see %s", s.brokenBy)
	}
	for _, c := range kase.Needs {
		switch {
		case !s.info.Capabilities.Has(c):
			return skipf("the plugin does not claim %s", c)
		case s.unserved[c]:
			return skipf("the plugin claims %s and does not serve it: see %s", c, caseClaims)
		}
	}
	return ctx.Err()
}
