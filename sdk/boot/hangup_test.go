//go:build !windows

package boot_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/boot"
)

func TestEachHangupCallsUntilTheProgramEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan struct{})
	wait := boot.OnHangup(ctx, func(context.Context) { called <- struct{}{} })
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case <-called:
		case <-time.After(10 * time.Second):
			t.Fatal("it was not called")
		}
	}
	cancel()
	wait()
}
