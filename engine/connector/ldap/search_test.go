package ldap

import (
	"net"
	"testing"
	"time"
)

// go-ldap ends a search on a closed connection without an error, exactly like a
// search that found nothing.
func TestASearchOnAClosedConnectionIsNotAnEmptyResult(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := dial(t.Context(), &settings{host: "127.0.0.1", port: l.Addr().(*net.TCPAddr).Port, security: securityNone, timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	_ = s.conn.Close()
	_, err = s.Pages(t.Context(), query{base: "dc=x", filter: "(cn=*)", pageSize: 10}, func([]entry) error { return nil })
	if err == nil {
		t.Error("the search succeeded")
	}
}
