package productdb_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func connect(t *testing.T, text string) error {
	t.Helper()
	db := open(t, productdb.Config{ConnectionString: secret.NewValue([]byte(text))})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return db.Read.PingContext(ctx)
}

// A refusal by the server means that the certificate was accepted before.
func TestWhoIsTrustedAndWhatARefusalAdvises(t *testing.T) {
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	login := tdsConfig{tdsEncrypts, "db.example", soon, 18456, "Login failed for user 'sa'."}
	expired, weak := login, login
	expired.expires, weak.encryption = past, tdsCannotEncrypt
	missing := tdsConfig{tdsEncrypts, "db.example", soon, 4060, `Cannot open database "IM" requested by the login.`}
	firewall := tdsConfig{tdsEncrypts, "db.example", soon, 40615, "Client with IP address is not allowed to access the server."}
	for _, tc := range []struct {
		name     string
		server   tdsConfig
		settings string // CA stands for the authority's file
		reason   fault.Reason
		words    []string
		logins   int32
	}{
		{"a certificate of an unknown authority, by default", login, "HostNameInCertificate=db.example",
			fault.ConfigInvalid, []string{"x509", "Certificate", "TrustServerCertificate=true would accept anybody's"}, 0},
		{"one of an unknown authority, when TLS is asked for", login, "Encrypt=Mandatory;HostNameInCertificate=db.example",
			fault.ConfigInvalid, []string{"TrustServerCertificate"}, 0},
		{"one for another name", login, "Certificate=CA", fault.ConfigInvalid, []string{"HostNameInCertificate", "127.0.0.1"}, 0},
		{"one that has expired", expired, "Certificate=CA;HostNameInCertificate=db.example", fault.ConfigInvalid, []string{"expired"}, 0},
		{"one of a known authority for the right name", login, "Certificate=CA;HostNameInCertificate=db.example",
			fault.AuthFailed, []string{"Login failed for user 'sa'. (18456)", "User ID", "Integrated Security", productdb.ConfigKey}, 1},
		{"any, when that is asked for", missing, "TrustServerCertificate=yes",
			fault.AccessDenied, []string{"4060", "Database=IM", "create the database"}, 1},
		{"a server that cannot encrypt", weak, "", fault.Unavailable, []string{"encrypt"}, 0},
		{"a firewall of Azure", firewall, "TrustServerCertificate=true", fault.AccessDenied, []string{"firewall"}, 1},
		{"no encryption, when that is asked for", weak, "Encrypt=Disable", fault.AuthFailed, []string{"18456"}, 1},
		{"Entra where the server does not know it", login, "TrustServerCertificate=true;Authentication=Active Directory Default",
			fault.Unavailable, []string{"federated authentication is not supported"}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startTDS(t, tc.server)
			err := connect(t, "Server="+strings.Replace(s.address, ":", ",", 1)+";Database=IM;User ID=sa;Password="+canaryWord+";"+
				strings.Replace(tc.settings, "CA", s.authority, 1))
			expectAdvice(t, err, tc.reason, tc.words...)
			if got := s.logins.Load(); got != tc.logins {
				t.Errorf("%d sign-ins arrived, want %d", got, tc.logins)
			}
		})
	}
}

const canaryWord = "C4n4ry-password"

func expectAdvice(t *testing.T, err error, reason fault.Reason, words ...string) {
	t.Helper()
	var e *productdb.ConnectError
	if !errors.As(err, &e) || e.Reason != reason {
		t.Fatalf("got %v, want %v", err, reason)
	}
	for _, word := range append(words, productdb.ConfigKey) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
	if strings.Contains(err.Error(), canaryWord) {
		t.Errorf("the password is repeated: %v", err)
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	expectAdvice(t, connect(t, "sqlserver://sa:"+canaryWord+"@"+gone.Addr().String()+"?database=IM"),
		fault.Unavailable, "TCP/IP", gone.Addr().String())
	silent, err := net.ListenPacket("udp", "127.0.0.2:1434") // a firewall that drops looks the same
	if err == nil {
		defer silent.Close()
		expectAdvice(t, connect(t, `Server=127.0.0.2\NONE;Database=IM;User ID=sa;dial timeout=1;Password=`+canaryWord),
			fault.Unavailable, "SQL Server Browser", "1434", "Server=127.0.0.2,<port>")
	}
	expectAdvice(t, connect(t, `Server=127.0.0.1\NONE;Database=IM;User ID=sa;dial timeout=2;Password=`+canaryWord),
		fault.Unavailable, "SQL Server Browser", "1434", "Server=127.0.0.1,<port>")
}

func TestIntegratedSignInTakesKerberosElsewhereThanOnWindows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has an own way of signing in")
	}
	t.Setenv("KRB5_CONFIG", t.TempDir()+"/krb5.conf")
	s := startTDS(t, tdsConfig{tdsEncrypts, "db.example", time.Now().Add(time.Hour), 18456, "Login failed."})
	for _, word := range []string{"Integrated Security=SSPI", "Trusted_Connection=Yes", "integrated security=true;user id=ignored"} {
		err := connect(t, "Server="+strings.Replace(s.address, ":", ",", 1)+";TrustServerCertificate=true;"+word)
		expectAdvice(t, err, fault.Unavailable, "krb5")
	}
	if s.logins.Load() != 0 {
		t.Error("another way was tried")
	}
}

func TestServerThatAcceptsAndSaysNothingCannotHoldTheCaller(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	db, err := productdb.Open(t.Context(), productdb.Config{
		ConnectionString: secret.NewValue([]byte("sqlserver://u:p@" + silent.Addr().String() + "?database=d")),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err = db.Read.PingContext(ctx)
	if took := time.Since(begin); took > 5*time.Second || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after %v: %v", took, err)
	}
	expectAdvice(t, err, fault.Timeout, "firewalls")
	// Closing waits for connections that are being made.
	if begin = time.Now(); db.Close() != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("closing took %v", time.Since(begin))
	}
}
