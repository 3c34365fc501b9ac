package productdb

import (
	"maps"
	"testing"
)

func TestIntegratedSignInOfEachSystem(t *testing.T) {
	type settings = map[string]string
	for name, tc := range map[string]struct {
		system         string
		given, adapted settings
	}{
		"Windows signs in as the process, whoever is named": {"windows",
			settings{"integrated security": "SSPI", "user id": "sa", "password": "x"}, settings{"integrated security": "SSPI"}},
		"Linux signs in with Kerberos": {"linux",
			settings{"trusted_connection": "yes", "user id": "sa"}, settings{"trusted_connection": "yes", "authenticator": "krb5"}},
		"a chosen authenticator keeps its user": {"linux",
			settings{"integrated security": "true", "authenticator": "ntlm", "user id": "CORP\\im"}, settings{"integrated security": "true", "authenticator": "ntlm", "user id": "CORP\\im"}},
		"without it, a user is a user": {"linux",
			settings{"integrated security": "False", "user id": "sa"}, settings{"integrated security": "False", "user id": "sa"}},
		"Entra is written as the driver has it": {"windows",
			settings{"authentication": "Active Directory MSI", "user id": "id"}, settings{"fedauth": "ActiveDirectoryManagedIdentity", "user id": "id"}},
		"a password of SQL Server is nothing special": {"windows",
			settings{"authentication": "SqlPassword", "user id": "sa"}, settings{"user id": "sa"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := maps.Clone(tc.given)
			if err := adaptSignIn(got, tc.system); err != nil || !maps.Equal(got, tc.adapted) {
				t.Errorf("got %v, %v; want %v", got, err, tc.adapted)
			}
		})
	}
}
