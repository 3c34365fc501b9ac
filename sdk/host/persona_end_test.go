package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/conformance/persona"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestPluginThatDiesOverAndOverIsQuarantined(t *testing.T) {
	t.Parallel()
	play(t, "crash-loop", []string{"exit status 4"}, func(t *testing.T, s *show, r *host.Resolver) {
		st := until(t, r, 90*time.Second, supervise.Quarantined)
		if st.Restarts != supervise.Budget {
			t.Errorf("it was started again %d times", st.Restarts)
		}
		if !strings.Contains(strings.Join(st.LastLines, "\n"), "out of luck") {
			t.Errorf("its last words are %q", st.LastLines)
		}
		unavailable(t, r, time.Second, "exit status 4")
		if left := processesOf(s.mark); len(left) > 0 {
			t.Errorf("in quarantine still run %q", left)
		}
	})
}

func TestReadThatKillsThePluginIsNotRepeatedForEver(t *testing.T) {
	t.Parallel()
	play(t, "crash-on-read", []string{"exit status 5"}, func(t *testing.T, s *show, r *host.Resolver) {
		if _, err := read(t, r, persona.Trigger, 20*time.Second); fault.Of(err) != fault.Unavailable {
			t.Errorf("the read that kills gave %v", err)
		}
		ask(t, r)
		if n := r.Status().Plugin.Restarts; n != 2 {
			t.Errorf("one read made it start %d times again", n)
		}
	})
}

func TestWriteThatWasDoneAndNotAnsweredIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := newShow(t, "commits-then-dies")
	playOpened(t, s, []string{"exit status 7"}, host.OpenAdministrator, func(t *testing.T, s *show, a *host.Administrator) {
		_, err := a.Set(t.Context(), provider.SetRequest{Ref: "secret://a", Value: secret.NewValue([]byte(canary))})
		if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "may or may not have happened") {
			t.Errorf("the caller was told %v", err)
		}
		if _, err := a.Describe(t.Context(), "secret://a"); err != nil {
			t.Errorf("what was written is not there: %v", err)
		}
	})
	versions, err := filepath.Glob(filepath.Join(s.store, naming.Name("secret://a"), "0*"))
	if err != nil || len(versions) != 1 {
		t.Errorf("the store has the versions %q, %v", versions, err)
	}
	if strings.Contains(s.logs.String(), canary) {
		t.Error("the value is in the log")
	}
}

func TestPluginThatForksIsEndedWithAllItForked(t *testing.T) {
	t.Parallel()
	for name, loud := range map[string][]string{"forks-children": nil, "escapes": said(escapes)} {
		t.Run(name+" and is stopped", func(t *testing.T) {
			t.Parallel()
			play(t, name, nil, func(t *testing.T, s *show, r *host.Resolver) {
				ask(t, r)
				forked(t, s)
				s.expected = loud
			})
		})
		t.Run(name+" and dies", func(t *testing.T) {
			t.Parallel()
			play(t, name, []string{"exit status"}, func(t *testing.T, s *show, r *host.Resolver) {
				first := ask(t, r)
				forked(t, s)
				s.tolerated = loud // the second process may die before it has forked
				if _, err := read(t, r, persona.Trigger, 20*time.Second); err == nil {
					t.Error("the read that kills went well")
				}
				if ask(t, r) == first {
					t.Error("it was not started again")
				}
			})
		})
	}
}

// said is a list of the words, if there are any.
func said(words string) []string {
	if words == "" {
		return nil
	}
	return []string{words}
}

// forked waits until the plugin has children, or was refused one that would be out
// of reach.
func forked(t *testing.T, s *show) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); len(processesOf(s.mark)) < 2; time.Sleep(10 * time.Millisecond) {
		if escapes == "" && strings.Contains(s.logs.String(), "the child was not born") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it has no children: %s", s.logs.String())
		}
	}
}

func TestPluginThatDoesNotLeaveIsKilled(t *testing.T) {
	t.Parallel()
	for name, loud := range map[string][]string{
		"ignores-drain":          {"plugin did not drain", "plugin had to be killed"},
		"ignores-stdin":          {"plugin had to be killed"},
		"frozen-after-configure": {"plugin did not drain", "plugin had to be killed"},
		"drain-does-nothing":     nil,
		"drain-kills":            nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, name, nil, func(t *testing.T, s *show, r *host.Resolver) {
				until(t, r, 20*time.Second, supervise.Ready)
				time.Sleep(200 * time.Millisecond) // it freezes a moment later
				s.expected = loud
			})
		})
	}
}

func TestWhatAPluginLeavesInItsFolderIsRemoved(t *testing.T) {
	t.Parallel()
	play(t, "leaves-files", []string{killed}, func(t *testing.T, s *show, r *host.Resolver) {
		first := ask(t, r)
		places := func() []string {
			found, _ := filepath.Glob(filepath.Join(s.config.DataFolder, "run", "host-*", "*"))
			var folders []string
			for _, f := range found {
				if info, err := os.Stat(f); err == nil && info.IsDir() {
					folders = append(folders, f)
				}
			}
			return folders
		}
		before := places()
		kill(t, first)
		for end := time.Now().Add(10 * time.Second); ask(t, r) == first; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the death was not noticed")
			}
		}
		if after := places(); len(before) != 1 || len(after) != 1 || after[0] == before[0] {
			t.Errorf("folders of processes: %q, after a death %q", before, after)
		}
	})
}
