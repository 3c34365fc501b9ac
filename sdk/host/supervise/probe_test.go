package supervise_test

import (
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/supervise"
)

func (l *life) asked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.probes
}

func TestPluginThatAnswersIsAskedRarelyAndStaysReady(t *testing.T) {
	l := newLife(1)
	bubble(t, lives(l), func(t *testing.T, w *world) {
		w.pass(10*supervise.ProbeInterval + time.Second)
		if w.is(supervise.Ready); l.asked() != 10 || w.went() != begun {
			t.Errorf("it was asked %d times and went %s", l.asked(), w.went())
		}
	})
}

func TestPluginThatFreezesIsDegradedThenReplaced(t *testing.T) {
	l := newLife(1)
	bubble(t, lives(l, newLife(2)), func(t *testing.T, w *world) {
		l.freeze(true)
		w.pass(supervise.ProbeInterval + supervise.ProbeLimit - time.Second)
		w.is(supervise.Ready)
		w.pass(time.Second)
		if st := w.is(supervise.Degraded); st.Problem != "it does not answer" || st.PID != 1 {
			t.Errorf("status %+v", st)
		}
		if pid := w.serving(); pid != 1 {
			t.Error("calls are not let through")
		}
		w.pass((supervise.ProbeMisses-1)*supervise.ProbeLimit - time.Second)
		w.is(supervise.Degraded)
		w.pass(time.Second)
		if st := w.is(supervise.Backoff); !strings.Contains(st.Problem, "3 times in a row") || !l.gone() {
			t.Errorf("status %+v", st)
		}
		if pid := w.serving(); pid != 2 || l.asked() != supervise.ProbeMisses {
			t.Errorf("process %d serves, the first was asked %d times", pid, l.asked())
		}
		if got, want := w.went(), begun+" Degraded Crashed Backoff "+begun; got != want {
			t.Errorf("it went %s", got)
		}
	})
}

func TestPluginThatAnswersAgainIsReadyAgain(t *testing.T) {
	l := newLife(1)
	bubble(t, lives(l), func(t *testing.T, w *world) {
		for range 3 { // misses count only in a row
			l.freeze(true)
			w.pass(supervise.ProbeInterval + supervise.ProbeLimit + time.Second)
			w.is(supervise.Degraded)
			l.freeze(false)
			w.pass(supervise.ProbeLimit)
			if st := w.is(supervise.Ready); st.Problem != "" || st.Restarts != 0 {
				t.Errorf("status %+v", st)
			}
		}
	})
}

func TestCallersDeadlineThatPassesMakesTheHostAskAtOnce(t *testing.T) {
	l := newLife(1)
	bubble(t, lives(l, newLife(2)), func(t *testing.T, w *world) {
		w.deadlinePassed()
		w.pass(0)
		if w.is(supervise.Ready); l.asked() != 1 {
			t.Fatalf("it was asked %d times", l.asked())
		}
		l.freeze(true)
		begin := time.Now()
		for range 4 {
			w.deadlinePassed()
		}
		if l.asked() != 2 {
			t.Errorf("it was asked %d times while one question was open", l.asked()-1)
		}
		w.pass(supervise.ProbeLimit - 3*time.Second)
		w.is(supervise.Degraded)
		if pid := w.serving(); pid != 1 {
			t.Errorf("process %d serves", pid)
		}
		w.pass(20*time.Second - time.Since(begin))
		if st := w.is(supervise.Ready); st.PID != 2 {
			t.Errorf("20 s after the first call, process %d serves", st.PID)
		}
	})
}

func TestViolationOutlivesASignOfLife(t *testing.T) {
	l := newLife(1)
	bubble(t, lives(l), func(t *testing.T, w *world) {
		w.call(violation())
		l.freeze(true)
		w.pass(supervise.ProbeInterval + supervise.ProbeLimit)
		if st := w.is(supervise.Degraded); st.Problem != "it does not answer" {
			t.Errorf("status %+v", st)
		}
		l.freeze(false)
		w.pass(supervise.ProbeLimit)
		if st := w.is(supervise.Degraded); !strings.Contains(st.Problem, "a rule") {
			t.Errorf("status %+v", st)
		}
	})
}
