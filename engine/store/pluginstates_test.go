package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
)

func TestThePluginOfAnInstanceIsKnownAsLongAsTheInstanceIsListed(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f, who := b.open(t), name(t)
		engine := store.Instance{Role: store.RoleEngine, Name: who, Incarnation: "1", Started: f.clock.now(), Commit: "abc", CommitDate: "2026-01-01T00:00:00Z", Platform: "linux/amd64"}
		state := store.PluginState{Role: store.RoleEngine, Name: who, Incarnation: "1", Provider: "DPAPI", State: "Starting"}
		if err := f.RecordPlugin(t.Context(), state); !errors.Is(err, store.ErrReplaced) {
			t.Errorf("of an instance that is not listed: %v", err)
		}
		must(t, f.Register(t.Context(), engine))
		must(t, f.RecordPlugin(t.Context(), state))
		state.State, state.Document.PID, state.Document.Lines = "Ready", 42, []string{"a", "b"}
		must(t, f.RecordPlugin(t.Context(), state))
		list := f.pluginOf(t, who)
		if len(list) != 1 || list[0].Name != who || list[0].State != "Ready" || list[0].Document.PID != 42 || len(list[0].Document.Lines) != 2 || list[0].Recorded.IsZero() {
			t.Errorf("listed %+v", list)
		}
		if i := f.instance(t, who); i.Commit != "abc" || i.Platform != "linux/amd64" || i.CommitDate == "" {
			t.Errorf("instance %+v", i)
		}
		engine.Incarnation = "2"
		must(t, f.Register(t.Context(), engine))
		if err := f.RecordPlugin(t.Context(), state); !errors.Is(err, store.ErrReplaced) {
			t.Errorf("by the process that was replaced: %v", err)
		}
		must(t, f.Unregister(t.Context(), store.RoleEngine, who, "1"))
		if list := f.pluginOf(t, who); len(list) != 1 {
			t.Errorf("the process that was replaced took the state along: %+v", list)
		}
		must(t, f.Unregister(t.Context(), store.RoleEngine, who, "2"))
		must(t, f.Register(t.Context(), engine))
		if list := f.pluginOf(t, who); len(list) != 0 {
			t.Errorf("the state outlived its instance: %+v", list)
		}
	})
}

func TestOnlyAnInstanceThatIsSilentCanBeForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		f, who := b.open(t), name(t)
		must(t, f.Register(t.Context(), store.Instance{Role: store.RoleEngine, Name: who, Incarnation: "1", Started: f.clock.now()}))
		must(t, f.RecordPlugin(t.Context(), store.PluginState{Role: store.RoleEngine, Name: who, Incarnation: "1", State: "Ready"}))
		beat := f.instance(t, who).LastHeartbeat
		if err := f.ForgetInstance(t.Context(), store.RoleEngine, strings.ToUpper(who), beat); !errors.Is(err, store.ErrConflict) {
			t.Errorf("one that lives: %v", err)
		}
		if err := f.ForgetInstance(t.Context(), store.RoleAdminAPI, who, beat); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
		must(t, f.ForgetInstance(t.Context(), store.RoleEngine, strings.ToUpper(who), beat.Add(time.Microsecond)))
		for _, left := range must1(f.ListInstances(t.Context()))(t) {
			if left.Name == who {
				t.Errorf("left %+v", left)
			}
		}
		if err := f.RequestReloadOf(t.Context(), "ann", store.RoleEngine, who); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a reload of one that is gone: %v", err)
		}
	})
}

func (f *fixture) pluginOf(t *testing.T, instance string) (found []store.PluginState) {
	t.Helper()
	for _, p := range must1(f.ListPluginStates(t.Context()))(t) {
		if p.Name == instance {
			found = append(found, p)
		}
	}
	return found
}
