package escrow

import (
	"context"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// State says how a secret gets to a new host.
type State string

// The states. All but the first two leave work.
const (
	// Portable: the store is not of this host, so a new one reads it too.
	Portable State = "portable"
	// Escrowed: it opens on this host only, and the bundle has this version.
	Escrowed State = "in the bundle"
	// Outdated: it opens on this host only, and the bundle has another version.
	Outdated State = "outdated in the bundle"
	// HostBound: it opens on this host only, and is nowhere else.
	HostBound State = "host-bound"
	// Unnamed: as HostBound, an entry whose ref nobody knows, so it cannot be exported.
	Unnamed State = "host-bound, without a ref"
	// Missing: a connector needs it, and the store has none.
	Missing State = "missing"
)

// Work reports whether somebody has to enter the secret again on a new host.
func (s State) Work() bool { return s != Portable && s != Escrowed }

// Found is one secret of a [Check].
type Found struct {
	// Ref is empty for one whose ref nobody knows.
	Ref   secret.Ref `json:"ref,omitempty"`
	Name  string     `json:"name"`
	State State      `json:"state"`
	// UsedBy names the connectors that need it.
	UsedBy []string `json:"usedBy"`
}

// Inventory is what a check found.
type Inventory struct {
	// Complete: the store promises that it listed all.
	Complete bool    `json:"complete"`
	Secrets  []Found `json:"secrets"`
}

// Check finds out what a new host could read of the store that c opens. uses are
// the refs that connectors need, with their names; bundle is the manifest of the
// newest one, nil for none.
func Check(ctx context.Context, c host.Config, uses map[secret.Ref][]string, bundle *Manifest) (Inventory, error) {
	store, err := host.OpenAdministrator(c)
	if err != nil {
		return Inventory{}, fault.Wrap(fault.Unavailable, fault.SourceHost, "start the secret provider "+c.Choice.Provider, err)
	}
	defer store.Close()
	info, err := store.Info(ctx)
	if err != nil {
		return Inventory{}, err
	}
	state := func(secret.Metadata) State { return Portable }
	if info.Capabilities.Has(facade.HostBound) {
		state = bound(bundle)
	}
	out, seen := Inventory{Secrets: []Found{}}, map[secret.Ref]bool{}
	add := func(m secret.Metadata) {
		seen[m.Ref] = true
		out.Secrets = append(out.Secrets, Found{m.Ref, m.Name, state(m), append([]string{}, uses[m.Ref]...)})
	}
	incomplete := true
	if info.Capabilities.Has(facade.List) {
		if err := each(ctx, store, add, &incomplete); err != nil {
			return out, err
		}
	}
	out.Complete = !incomplete
	for ref, users := range uses {
		if seen[ref] {
			continue
		}
		m, err := store.Describe(ctx, ref)
		switch {
		case err == nil:
			add(m)
		case fault.Is(err, fault.NotFound, fault.Deleted):
			out.Secrets = append(out.Secrets, Found{ref, naming.Name(string(ref)), Missing, users})
		default:
			return out, err
		}
	}
	return out, nil
}

// bound tells the states of a store of this host.
func bound(bundle *Manifest) func(secret.Metadata) State {
	kept := map[secret.Ref]secret.Version{}
	if bundle != nil {
		for _, item := range bundle.Secrets {
			kept[item.Ref] = item.Version
		}
	}
	return func(m secret.Metadata) State {
		version, has := kept[m.Ref]
		switch {
		case m.Ref == "":
			return Unnamed
		case has && version == m.Version:
			return Escrowed
		case has:
			return Outdated
		}
		return HostBound
	}
}
