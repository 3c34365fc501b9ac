package catalog

import (
	"bytes"
	"slices"
)

// Changes names what differs between two choices, for the log of a reload. It
// shows no values.
func Changes(before, after Choice) []string {
	var names []string
	differs := func(name string, differs bool) {
		if differs {
			names = append(names, name)
		}
	}
	a, b := before.Plugin, after.Plugin
	differs("provider", before.Provider != after.Provider)
	differs("path", a.Path != b.Path)
	differs("sha256", a.SHA256 != b.SHA256)
	differs("version", a.Version != b.Version)
	differs("environment", !slices.Equal(a.Environment, b.Environment))
	differs("configuration", !bytes.Equal(a.Config.Reveal(), b.Config.Reveal()))
	return names
}
