package stores

import (
	"context"
	"errors"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// tries is how often a call is made that may succeed later.
const tries = 5

// Passing reports whether what failed may succeed later without anybody doing
// anything.
func Passing(err error) bool { return fault.Is(err, fault.Throttled, fault.Unavailable, fault.Timeout) }

// Patiently makes a call that changes nothing, again when it may succeed later, for
// some 15 seconds. A store that refuses for its rate is left alone for as long as it
// asks.
func Patiently[T any](ctx context.Context, s *Store, call func(context.Context) (T, error)) (v T, err error) {
	for attempt := 1; ; attempt++ {
		if err = s.Pacer.Pause(ctx); err != nil {
			return v, err
		}
		if v, err = call(ctx); !Passing(err) {
			return v, err
		}
		throttled := s.Refused(err)
		if ctx.Err() != nil || attempt == tries {
			return v, err
		}
		if !throttled {
			if e := s.Rest(ctx, attempt); e != nil {
				return v, errors.Join(e, err)
			}
		}
	}
}

// Rest waits behind the given try, which was in vain: 1 second behind the first, and
// twice as long behind each further one.
func (s *Store) Rest(ctx context.Context, attempt int) error {
	return s.sleep(ctx, time.Second<<(attempt-1))
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
