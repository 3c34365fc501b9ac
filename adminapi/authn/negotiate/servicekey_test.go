package negotiate_test

import (
	"testing"

	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate/kdctest"
)

// serviceKey returns the key that the ticket is encrypted with.
func serviceKey(t testing.TB, realm *kdctest.Realm, ticket messages.Ticket) types.EncryptionKey {
	t.Helper()
	all, err := keytab.Load(realm.Keytab)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := all.GetEncryptionKey(ticket.SName, ticket.Realm, ticket.EncPart.KVNO, ticket.EncPart.EType)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func appTag(text []byte, tag int) []byte { return asn1tools.AddASNAppTag(text, tag) }
