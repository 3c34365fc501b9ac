package ldap_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/connector/ldap"
	"github.com/identitymesh/identitymesh/engine/connector/ldap/ldaptest"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// BenchmarkRead compares the connector with go-ldap alone, a page at a time, on
// the same server. Compare the entries/s of both.
func BenchmarkRead(b *testing.B) {
	const people = 20_000
	srv, err := ldaptest.Start(b.Context(), ldaptest.Config{People: people})
	if err != nil {
		b.Skip(err)
	}
	defer srv.Close()
	names := []string{"uid", "cn", "sn", "givenName", "displayName", "mail", "employeeNumber", "title", "telephoneNumber", "l"}
	config, _ := json.Marshal(slapdSettings(srv).with("attributes", names).with("pageSize", 1000))
	rate := func(b *testing.B) {
		b.ReportMetric(float64(people)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	}
	b.Run("connector", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := ldap.Kind{}.Open(config, map[secret.Ref]secret.Value{passwordRef: secret.NewValue([]byte(srv.Password))}, connector.Environment{Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			if _, err := c.FullImport(b.Context(), func(_ context.Context, p connector.Page) error { n += len(p.Objects); return nil }); err != nil || n != people {
				b.Fatal(n, err)
			}
		}
		rate(b)
	})
	b.Run("go-ldap", func(b *testing.B) {
		b.ReportAllocs()
		pem, _ := os.ReadFile(srv.CAFile)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		for b.Loop() {
			conn, err := goldap.DialURL("ldaps://"+net.JoinHostPort(srv.Host, strconv.Itoa(srv.TLSPort)), goldap.DialWithTLSConfig(&tls.Config{RootCAs: pool}))
			if err != nil {
				b.Fatal(err)
			}
			if err := conn.Bind(ldaptest.SyncDN, srv.Password); err != nil {
				b.Fatal(err)
			}
			paging := goldap.NewControlPaging(1000)
			request := goldap.NewSearchRequest(ldaptest.PeopleDN, goldap.ScopeWholeSubtree, 0, 0, 0, false, "(objectClass=inetOrgPerson)",
				append(names, "entryUUID", "modifyTimestamp"), []goldap.Control{paging})
			for n := 0; n < people; {
				found, err := conn.Search(request)
				if err != nil {
					b.Fatal(err)
				}
				n += len(found.Entries)
				paging.SetCookie(goldap.FindControl(found.Controls, goldap.ControlTypePaging).(*goldap.ControlPaging).Cookie)
			}
			conn.Close()
		}
		rate(b)
	})
}
