package productdb_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

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
	// Closing waits for connections that are being made.
	if begin = time.Now(); db.Close() != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("closing took %v", time.Since(begin))
	}
}
