package demo

import (
	"context"
	"fmt"
	"time"
)

// Watched returns a context that also ends when a program of the product ends by
// itself, or after the limit unless that is zero; its cause says which. stop ends
// the watching.
func (d *Demo) Watched(ctx context.Context, limit time.Duration) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := func() {}
	if limit > 0 {
		ctx, forget = context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s; the logs are in %s", limit, d.LogFolder()))
	}
	watching := make(chan struct{})
	watch, unwatch := context.WithCancel(ctx)
	go func() {
		defer close(watching)
		if err := d.Wait(watch); err != nil {
			cancel(err)
		}
	}()
	return ctx, func() {
		unwatch()
		<-watching
		forget()
		cancel(nil)
	}
}
