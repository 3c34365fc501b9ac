// Command reader is a plugin that reads the folder of another one and claims
// nothing else, for the tests of the suite.
package main

import (
	"context"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

// reader hides what the store can do beside reading.
type reader struct{ provider.Provider }

func main() {
	pluginmain.Main(provider.Definition[*reader]{
		Name: "reader", Version: "1.0.0", Schema: filestore.Definition("reader", "1.0.0").Schema,
		Open: func(ctx context.Context, env provider.Environment) (*reader, diag.List) {
			store, problems := filestore.Open(ctx, env)
			if problems.HasErrors() {
				return nil, problems
			}
			return &reader{store}, problems
		},
	})
}
