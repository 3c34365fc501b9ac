package cutover_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/tools/migrate/cutover"
)

// fleet plays the processes: each reloads some time after it was asked.
type fleet struct {
	instances []*instance
	asked     int
}

type instance struct {
	store.Instance
	// obeys: whether a reload leads to the vault, from the request of that number on;
	// 0 for never.
	obeys int
	// silent: it died without a word.
	silent bool
	asked  int
	// ready is when its reload is done.
	ready time.Time
}

func (f *fleet) ListInstances(context.Context) ([]store.Instance, error) {
	var out []store.Instance
	for _, i := range f.instances {
		if !i.ready.IsZero() && !time.Now().Before(i.ready) {
			i.Provider, i.ProviderTarget = "AzureKeyVault", "a.vault.azure.net"
		}
		if !i.silent {
			i.LastHeartbeat = time.Now()
		}
		out = append(out, i.Instance)
	}
	return out, nil
}

func (f *fleet) RequestReloadOf(_ context.Context, _ string, role store.Role, name string) error {
	f.asked++
	for _, i := range f.instances {
		if i.Role != role || i.Name != name {
			continue
		}
		if i.asked++; i.obeys > 0 && i.asked >= i.obeys {
			i.ready = time.Now().Add(time.Second)
		}
		return nil
	}
	return store.ErrNotFound
}

func member(role store.Role, name string, obeys int) *instance {
	return &instance{obeys: obeys, Instance: store.Instance{Role: role, Name: name, Machine: "host-of-" + name,
		Provider: "DPAPI", ProviderTarget: "db", LastHeartbeat: time.Now()}}
}

func TestAwait(t *testing.T) {
	for name, c := range map[string]struct {
		fleet func() []*instance
		// late names who is, living how many there are in the end.
		late   string
		living int
		asked  int
		said   string
	}{
		"without any process there is nothing to wait for": {func() []*instance { return nil }, "", 0, 0, ""},
		"all obey": {func() []*instance {
			return []*instance{member(store.RoleEngine, "north", 1), member(store.RoleAdminAPI, "admin", 1)}
		}, "", 2, 2, ""},
		"one whose settings were changed later obeys when it is asked again": {func() []*instance {
			return []*instance{member(store.RoleEngine, "north", 1), member(store.RoleEngine, "south", 2)}
		}, "", 2, 3, "systemctl restart identitymesh-engine"},
		"one never does": {func() []*instance {
			return []*instance{member(store.RoleEngine, "north", 1), member(store.RoleAdminAPI, "admin", 0)}
		}, "adminapi admin on host-of-admin, which uses DPAPI db", 2, 0, "identitymesh-adminapi"},
		"one that died is not waited for longer than silence is life": {func() []*instance {
			dead := member(store.RoleEngine, "south", 0)
			dead.silent = true
			return []*instance{member(store.RoleEngine, "north", 1), dead}
		}, "", 1, 0, ""},
		"another vault is not the wanted one": {func() []*instance {
			i := member(store.RoleEngine, "north", 0)
			i.Provider, i.ProviderTarget = "AzureKeyVault", "b.vault.azure.net"
			return []*instance{i}
		}, "b.vault.azure.net", 1, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fleet{instances: c.fleet()}
				var said []string
				living, err := cutover.Wait{Database: f, By: "anna", Now: time.Now, Limit: 5 * time.Minute, Poll: time.Second,
					Say: func(text string) { said = append(said, text) }}.Await(t.Context(), toVault())
				var late *cutover.LateError
				if (err == nil) != (c.late == "") || err != nil && (!errors.As(err, &late) || !strings.Contains(err.Error(), c.late)) {
					t.Errorf("got %v", err)
				}
				if len(living) != c.living || c.asked > 0 && f.asked != c.asked || !strings.Contains(strings.Join(said, "\n"), c.said) {
					t.Errorf("%d live, asked %d times, said %q", len(living), f.asked, said)
				}
			})
		})
	}
}
