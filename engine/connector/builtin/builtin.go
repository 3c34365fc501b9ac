// Package builtin lists the connector types that ship with the product, so that
// the engine, which runs them, and the Admin API, which checks their
// configurations, know the same ones.
package builtin

import (
	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/connector/ldap"
	sqlconn "github.com/identitymesh/identitymesh/engine/connector/sql"
)

// Kinds returns all of them by name.
func Kinds() connector.Kinds { return connector.NewKinds(ldap.Kind{}, sqlconn.Kind{}) }
