//go:build !windows

package boot

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// OnHangup calls do for each SIGHUP until ctx ends, one after the other; those
// that come while it runs make it run once more. wait returns when it has ended.
// On Windows there is no such signal, and nothing is ever called.
func OnHangup(ctx context.Context, do func(context.Context)) (wait func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				do(ctx)
			}
		}
	}()
	return func() { <-ended }
}
