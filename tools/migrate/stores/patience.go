package stores

import (
	"context"
	"errors"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// waits lie between the tries of a call that may succeed later.
func waits() []time.Duration {
	return []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
}

// Passing reports whether what failed may succeed later without anybody doing
// anything.
func Passing(err error) bool { return fault.Is(err, fault.Throttled, fault.Unavailable, fault.Timeout) }

// Patiently makes a call that changes nothing, again when it may succeed later, for
// some 15 seconds. A store that refuses for its rate is left alone for as long as it
// asks.
func Patiently[T any](ctx context.Context, s *Store, call func(context.Context) (T, error)) (v T, err error) {
	for _, wait := range append(waits(), 0) {
		if err = s.Pacer.Pause(ctx); err != nil {
			return v, err
		}
		if v, err = call(ctx); !Passing(err) {
			return v, err
		}
		if ctx.Err() != nil || wait == 0 {
			return v, err
		}
		if !s.Refused(err) {
			if e := s.sleep(ctx, wait); e != nil {
				return v, errors.Join(e, err)
			}
		}
	}
	return v, err
}

// Refused slows down when err is a refusal for the rate, and reports whether it is.
func (s *Store) Refused(err error) bool {
	if !fault.Is(err, fault.Throttled) {
		return false
	}
	after := time.Duration(0)
	if failed := (*fault.Error)(nil); errors.As(err, &failed) {
		after = failed.RetryAfter
	}
	s.Pacer.Refused(after)
	return true
}

// Read is [Patiently] getting the current value, which the caller wipes.
func (s *Store) Read(ctx context.Context, ref secret.Ref) (secret.Secret, error) {
	return Patiently(ctx, s, func(ctx context.Context) (secret.Secret, error) { return s.Get(ctx, ref, secret.Current) })
}

// Look is [Patiently] describing.
func (s *Store) Look(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	return Patiently(ctx, s, func(ctx context.Context) (secret.Metadata, error) { return s.Describe(ctx, ref) })
}

func (s *Store) sleep(ctx context.Context, d time.Duration) error {
	if s.Sleep != nil {
		return s.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
