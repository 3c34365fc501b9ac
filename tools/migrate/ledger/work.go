package ledger

import (
	"context"
	"sync"
)

// Work calls do for each ref in one of the states, as [Ledger.Entries] does, from that
// many goroutines at once, until one returns an error, which Work returns once all are
// done. The context that do is given is over then.
func (l *Ledger) Work(ctx context.Context, states []State, workers int, do func(context.Context, Entry) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan Entry)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for e := range queue {
				if ctx.Err() != nil {
					continue
				}
				if err := do(ctx, e); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := l.Entries(ctx, states, func(e Entry) error {
		select {
		case queue <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(queue)
	all.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
