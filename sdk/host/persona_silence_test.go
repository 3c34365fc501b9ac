package host_test

import (
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/conformance/persona"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestFrozenPluginIsReplaced(t *testing.T) {
	t.Parallel()
	play(t, "frozen", []string{"not answer"}, func(t *testing.T, s *show, r *host.Resolver) {
		first := ask(t, r)
		begin := time.Now()
		if _, err := read(t, r, persona.Trigger, 500*time.Millisecond); fault.Of(err) != fault.Timeout {
			t.Errorf("the caller was told %v", err)
		}
		if took := time.Since(begin); took > usual {
			t.Errorf("the caller with a deadline of 500 ms waited %s", took)
		}
		until(t, r, 2*supervise.ProbeLimit, supervise.Degraded)
		until(t, r, (supervise.ProbeMisses+1)*supervise.ProbeLimit, supervise.Crashed, supervise.Backoff)
		if second := ask(t, r); second == first {
			t.Error("the frozen process still serves")
		}
	})
}

// The process is well, only the plugin's calls hang: that is no reason to end it.
func TestPluginWhoseCallsHangCostsItsCallersTheirDeadlinesOnly(t *testing.T) {
	t.Parallel()
	for name, ref := range map[string]secret.Ref{"stuck": persona.PID, "late": persona.Trigger} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, name, nil, func(t *testing.T, s *show, r *host.Resolver) {
				until(t, r, 20*time.Second, supervise.Ready)
				for range 3 {
					begin := time.Now()
					_, err := read(t, r, ref, 300*time.Millisecond)
					if took := time.Since(begin); fault.Of(err) != fault.Timeout || took > usual {
						t.Errorf("after %s the caller was told %v", took, err)
					}
				}
				if st := r.Status().Plugin; st.State != supervise.Ready {
					t.Errorf("its state is %s: %s", st.State, st.Problem)
				}
				if name == "stuck" {
					s.expect("plugin had to be killed")
				}
			})
		})
	}
}
