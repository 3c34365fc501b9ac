package dpapi_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// listen returns the address of a server that takes connections and says nothing.
func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

func TestADatabaseThatIsDown(t *testing.T) {
	l := listen(t)
	address := l.Addr().String()
	_ = l.Close()
	s := openStore(t, t.TempDir(), "sqlserver://sa:CANARY@"+address+"?database=im&encrypt=disable")
	for range 2 {
		s.wantGetFault(ref, fault.Unavailable, address[strings.LastIndex(address, ":")+1:])
	}
	report, err := s.Check(t.Context())
	if err != nil || len(report.Results) != 3 || report.Results[0].OK || report.Target == "" || strings.Contains(report.Target, "CANARY") {
		t.Errorf("got %+v, %v", report, err)
	}
	_, err = s.Get(t.Context(), ref, secret.Current)
	if text := err.Error() + s.logs.String() + report.Results[0].Message; strings.Contains(text, "CANARY") {
		t.Errorf("the password is repeated: %s", text)
	}
}

func TestADatabaseThatDoesNotAnswer(t *testing.T) {
	l := listen(t)
	s := openStore(t, t.TempDir(), "sqlserver://sa:x@"+l.Addr().String()+"?database=im&encrypt=disable")
	const patience = 300 * time.Millisecond
	start := time.Now()
	// The second call waits for the first one's connecting, no longer than it may.
	done := make(chan error, 2)
	for range cap(done) {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := s.Get(ctx, ref, secret.Current)
			done <- err
		}()
	}
	for range cap(done) {
		wantFault(t, <-done, fault.Timeout)
	}
	if took := time.Since(start); took > 20*patience {
		t.Errorf("it took %v", took)
	}
	// The silent server ends, and its connections with it.
	_ = l.Close()
	s.wantGetFault(ref, fault.Unavailable)
}

func TestADatabaseThatComesBackIsUsedByTheNextCall(t *testing.T) {
	folder := t.TempDir()
	inTheWay := filepath.Join(folder, "db")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, folder, "sqlite:"+filepath.Join(inTheWay, "x.db"))
	s.wantGetFault(ref, fault.Unavailable, inTheWay)
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	s.set(ref, "v")
	s.wantValue(ref, "v")
}

func TestAFileThatIsNoDatabase(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "identitymesh.db"), []byte(strings.Repeat("not a database ", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	openStore(t, folder, "").wantGetFault(ref, fault.Corrupt, "identitymesh.db")
}
