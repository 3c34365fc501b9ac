// Package installed compares the files of plugins with their pins. It starts
// nothing. Start reading at [Examine].
package installed

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// State of a plugin's file.
type State string

// The states.
const (
	// OK: the file is the one that was pinned.
	OK State = "ok"
	// Changed: it is another one.
	Changed State = "changed"
	// Unpinned: there is a file, and nobody vouches for it.
	Unpinned State = "unpinned"
	// Missing: there is no file.
	Missing State = "missing"
	// Unusable: the file or its pin cannot be read.
	Unusable State = "unusable"
)

// Plugin is a plugin as it is installed. Its JSON form is part of the tool's
// interface.
type Plugin struct {
	// Name is what Secrets:Provider calls it.
	Name string `json:"name"`
	// InForce is true for the provider that the configuration chose.
	InForce bool `json:"inForce"`
	// Shipped is true for a plugin that comes with the product.
	Shipped bool   `json:"shipped"`
	Path    string `json:"path"`
	// Version that the pin asks for; empty for any.
	Version string `json:"version,omitempty"`
	// Pin says where the hash stands, Sha256 which it is, FoundSha256 which the
	// file has.
	Pin         string `json:"pin"`
	Sha256      string `json:"sha256,omitempty"`
	FoundSha256 string `json:"foundSha256,omitempty"`
	State       State  `json:"state"`
	// Problem, and what to do Next, when the state is not ok.
	Problem string `json:"problem,omitempty"`
	Next    string `json:"next,omitempty"`
}

// Examine looks at the file of c. It reads the file to its end.
func Examine(c catalog.Choice) Plugin {
	p := Plugin{
		Name: c.Provider, Shipped: c.Shipped, Path: c.Plugin.Path,
		Version: c.Plugin.Version, Pin: c.Plugin.Pin, Sha256: c.Plugin.SHA256,
	}
	found, err := launch.Hash(p.Path)
	p.FoundSha256 = found
	lock := "secretscli plugin lock " + p.Name
	again := "install it again"
	if p.Shipped {
		again = "install the product's plugins and their lock file again, from one release"
	}
	var unpinned *catalog.UnpinnedError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.State, p.Problem, p.Next = Missing, p.Path+" does not exist", again
		if c.Problem != nil && p.Shipped { // so probably nothing of it is there
			p.Problem += ", and " + c.Problem.Error()
		}
	case err != nil:
		p.State, p.Problem, p.Next = Unusable, err.Error(), again
	case errors.As(c.Problem, &unpinned):
		p.State, p.Problem = Unpinned, fmt.Sprintf("%s has SHA-256 %s, and %s has none for this platform", p.Path, found, p.Pin)
		p.Next = "if it is the file you trust, run: " + lock
	case c.Problem != nil:
		p.State, p.Problem, p.Next = Unusable, c.Problem.Error(), again+"; if the file is the one you trust, run: "+lock
	case !strings.EqualFold(found, p.Sha256):
		p.State = Changed
		p.Problem = fmt.Sprintf("%s has SHA-256 %s, but %s pins %s: it is another build or was changed", p.Path, found, p.Pin, p.Sha256)
		p.Next = again + "; if it is the file you trust, run: " + lock
	default:
		p.State = OK
	}
	return p
}
