// Package ldap reads identities from LDAP directories: any LDAPv3 server, whose
// changes are found by modifyTimestamp, and Active Directory, whose changes are
// found by uSNChanged and whose deletes by tombstones.
//
// It connects, searches page by page and turns entries into objects. Staging,
// moving the watermark and choosing between full and delta are the run's.
//
// Start reading at [Kind], then [Connector]. The wire lies behind the small
// interface searcher; what an entry becomes is decided in converter.
package ldap

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Kind makes LDAP connectors. The zero Kind is ready to use.
type Kind struct{}

var _ connector.Kind = Kind{}

// Name returns "ldap".
func (Kind) Name() string { return "ldap" }

// Validate checks a configuration offline; DNs and filters are parsed as a
// server would parse them.
func (Kind) Validate(config json.RawMessage) diag.List {
	_, diags := parseSettings(config)
	return diags
}

// Open makes a [*Connector]. It keeps a copy of the password, which
// [Connector.Close] wipes.
func (Kind) Open(config json.RawMessage, secrets map[secret.Ref]secret.Value, env connector.Environment) (connector.Connector, error) {
	s, diags := parseSettings(config)
	if err := diags.Err(); err != nil {
		return nil, fmt.Errorf("ldap connector: %w", err)
	}
	c := &Connector{settings: s, log: env.Logger, now: env.Now}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if s.passwordRef != "" {
		v, ok := secrets[s.passwordRef]
		if !ok || v.IsZero() {
			return nil, fmt.Errorf("ldap connector: passwordSecretRef: no value was given for %s", s.passwordRef)
		}
		c.password = v.Clone()
	}
	return c, nil
}
