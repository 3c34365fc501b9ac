// Package sqlconn is the connector kind "sql": it imports the rows of a query
// on SQL Server, PostgreSQL, MySQL (also MariaDB) or SQLite, all of them or only
// those that changed since the last read.
//
// It reads; staging, watermarks and the values of secrets come from the run.
// What differs between the databases stands in one [dialect] each. Start reading
// at [Kind] and [Connector.read].
package sqlconn

import (
	"encoding/json"
	"fmt"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Kind makes connectors to SQL databases. The zero Kind is ready to use.
type Kind struct{}

// Name returns "sql".
func (Kind) Name() string { return "sql" }

// Validate returns every problem of config at once, without connecting. No
// problem repeats the connection string, in case it holds a password.
func (Kind) Validate(config json.RawMessage) diag.List {
	_, problems := parseConfig(config)
	return problems
}

// Open makes a connector. It reveals no secret: that happens when the connector
// connects.
func (Kind) Open(config json.RawMessage, secrets map[secret.Ref]secret.Value, env connector.Environment) (connector.Connector, error) {
	cfg, problems := parseConfig(config)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	c := &Connector{cfg: cfg, logger: env.Logger, now: env.Now}
	if ref := cfg.secretRef(); ref != "" {
		value, ok := secrets[ref]
		if !ok {
			return nil, fmt.Errorf("the value of %s was not given", ref)
		}
		c.secret = value
	}
	return c, nil
}

var _ connector.Kind = Kind{}
