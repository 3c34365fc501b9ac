// Package dpapi is the default secret provider: secrets are rows of the product
// database, sealed so that only the host that wrote them opens them.
//
// What seals is package protector, with its keys in package keyfile, the rows are
// package rows; this package connects them, checks the configuration, and says in the contract's words what
// went wrong. Start reading at [Definition], then [Provider].
package dpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/plugins/dpapi/wrapping"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// validateTimeout bounds the look at the connection string when the plugin
// starts; with the embedded database it may wait for another process's start.
const validateTimeout = 2 * time.Second

// cacheKiB is enough for secrets, which are written one by one or by a rotation
// that goes over each once.
const cacheKiB = 512

// Definition returns the plugin. version is a semantic version without a leading
// v; when it is empty, the build says it.
func Definition(version string) provider.Definition[*Provider] {
	return provider.Definition[*Provider]{
		Name:    "dpapi",
		Version: version,
		Traits:  provider.Traits{ListComplete: true, ConditionalSet: true, HostBound: true, Expiry: true, Tags: true},
		Limits:  provider.Limits{MaxValueBytes: secret.MaxValueBytes, MaxRefBytes: secret.MaxRefBytes},
		Schema:  schema(),
		Open:    open,
	}
}

// Provider keeps secrets in IM_Secrets. It is safe for concurrent use.
type Provider struct {
	log      *slog.Logger
	database *database
	host     *protector.Host
	keys     keyfile.Folder
}

var (
	_ provider.Lister  = (*Provider)(nil)
	_ provider.Writer  = (*Provider)(nil)
	_ provider.Checker = (*Provider)(nil)
)

func open(ctx context.Context, env provider.Environment) (*Provider, diag.List) {
	folder := env.Settings.Text(keyDataFolder)
	hostName, err := os.Hostname()
	if err != nil {
		hostName = "unknown"
	}
	// The schema has checked it.
	source, _ := wrapping.Parse(env.Settings.Text(keyWrappedBy), os.Getenv)
	keys := keyfile.Folder{DataFolder: folder, Source: source, Random: rand.Reader}
	p := &Provider{
		log: env.Logger,
		database: newDatabase(productdb.Config{
			ConnectionString: env.Settings.Secret(keyConnectionString),
			DataFolder:       folder,
			// A secret that was reported as set must not be lost with the power.
			Durable:  true,
			CacheKiB: cacheKiB,
		}, time.Now, env.Tracer),
		host: protector.NewHost(protector.Config{Keys: keys, HostName: hostName}),
		keys: keys,
	}
	ctx, cancel := context.WithTimeout(ctx, validateTimeout)
	defer cancel()
	var invalid *fault.Error
	if errors.As(p.database.validate(ctx), &invalid) {
		var problems diag.List
		problems.Errorf(keyConnectionString, "%s", invalid.Message)
		return nil, problems
	}
	return p, nil
}

// Close closes the connections to the database.
func (p *Provider) Close() error { return p.database.close() }
