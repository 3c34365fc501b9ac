package supervise_test

import (
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

func TestBrokenContractDegradesUntilTheWindowHasPassed(t *testing.T) {
	bubble(t, lives(newLife(1)), func(t *testing.T, w *world) {
		w.call(violation())
		st := w.is(supervise.Degraded)
		if !strings.Contains(st.Problem, "p 1.0.0 broke the contract in Get: a rule") || st.PID != 1 {
			t.Errorf("status %+v", st)
		}
		if pid := w.serving(); pid != 1 {
			t.Error("calls are not let through")
		}
		w.pass(supervise.BudgetWindow - time.Second)
		w.is(supervise.Degraded)
		w.call(violation())
		w.pass(supervise.BudgetWindow - time.Second)
		w.is(supervise.Degraded) // by the second one
		w.pass(time.Second + supervise.ProbeInterval)
		if st := w.is(supervise.Ready); st.Problem != "" || st.Restarts != 0 {
			t.Errorf("status %+v", st)
		}
		warned := 0
		for _, line := range w.logged() {
			if line["level"] == "WARN" {
				warned++
			}
		}
		if warned != 2 {
			t.Errorf("%d warnings for two violations", warned)
		}
	})
}

func TestOneBrokenContractTooManyQuarantinesAndStopsTheProcess(t *testing.T) {
	l := newLife(1)
	bubble(t, lives(l), func(t *testing.T, w *world) {
		for range supervise.Budget {
			w.call(violation())
			w.is(supervise.Degraded)
		}
		w.call(violation())
		st := w.Status()
		if st.State != supervise.Quarantined || !strings.Contains(st.Problem, "6 times") || !strings.Contains(st.Problem, "a rule") {
			t.Fatalf("status %+v", st)
		}
		w.refuses("Quarantined", "a rule", "reload")
		if w.is(supervise.Quarantined); !l.gone() || !l.drained {
			t.Errorf("the process was drained: %v, stopped: %v", l.drained, l.gone())
		}
	})
}

func TestBrokenContractsAndCrashesShareOneBudget(t *testing.T) {
	first, second := newLife(1), newLife(2)
	bubble(t, lives(first, second), func(t *testing.T, w *world) {
		for range supervise.Budget - 1 {
			w.call(violation())
		}
		first.die()
		if pid := w.serving(); pid != 2 {
			t.Fatalf("process %d serves", pid)
		}
		w.is(supervise.Ready) // the new process broke nothing yet
		w.call(violation())
		w.is(supervise.Quarantined)
	})
}

func TestOtherOutcomesSayNothingAboutThePlugin(t *testing.T) {
	bubble(t, lives(newLife(1)), func(t *testing.T, w *world) {
		for _, reason := range fault.Reasons() {
			for range supervise.Budget + 1 {
				w.call(fault.New(reason, fault.SourceBackend, "it says"))
				w.call(fault.New(reason, fault.SourcePlugin, "it says"))
			}
		}
		if w.is(supervise.Ready); w.went() != begun {
			t.Errorf("it went %s", w.went())
		}
	})
}
