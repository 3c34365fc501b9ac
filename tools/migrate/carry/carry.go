// Package carry takes the current value of one secret from one store to another,
// and never an older one over a newer one.
//
// Which of two stores has the newer value its caller says, by the version that the
// other one must still be at. Start reading at [Over].
package carry

import (
	"context"
	"crypto/hmac"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Reader shows what a store has. The receiver of a value wipes it.
type Reader interface {
	Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error)
	Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error)
	List(ctx context.Context, req provider.ListRequest) (secret.Page, error)
}

// Writer changes what it has.
type Writer interface {
	Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error)
	Delete(ctx context.Context, ref secret.Ref) error
}

// Store is one side.
type Store interface {
	Reader
	Writer
}

// End is a store with what it can do.
type End struct {
	Store
	// Conditional: it compares and sets in one step. Expiry, Tags: it keeps them.
	Conditional, Expiry, Tags bool
}

// ConflictError is a secret that is not where it was left: somebody set it
// meanwhile, so it is not older than what was to be put over it.
type ConflictError struct {
	Ref             secret.Ref
	Expected, Found secret.Version
}

func (e *ConflictError) Error() string {
	expected, found := "absent", "absent"
	if e.Expected != "" {
		expected = "at version " + string(e.Expected)
	}
	if e.Found != "" {
		found = "at version " + string(e.Found)
	}
	return fmt.Sprintf("%s was %s and is %s: it was set in both stores", e.Ref, expected, found)
}

// Moved says what [Over] found and did.
type Moved struct {
	// From and To are the versions that have the same value now.
	From, To secret.Version
	// Changed is false when they had it before.
	Changed bool
}

// checkLimit bounds the look at what became of a write, also when the time of the
// caller is over.
const checkLimit = 30 * time.Second

// Over gives ref in to the value that it has in from, if to is still at the version
// expected, which is empty where nothing may be there; else a [*ConflictError].
// Where both have the same value already, nothing is done, whatever the version. A
// write whose outcome is unknown is looked at and not repeated. Nil means that to
// was read back and has the value.
func Over(ctx context.Context, from, to End, ref secret.Ref, expected secret.Version) (m Moved, err error) {
	source, err := from.Get(ctx, ref, secret.Current)
	if err != nil {
		return m, err
	}
	defer source.Value.Wipe()
	m.From = source.Metadata.Version
	found, same, err := Compare(ctx, to, ref, source.Value)
	if err != nil {
		return m, err
	}
	if same {
		m.To = found
		return m, nil
	}
	if found != expected {
		return m, &ConflictError{ref, expected, found}
	}
	request := provider.SetRequest{Ref: ref, Value: source.Value}
	if to.Conditional {
		request.Expected = &expected
	}
	if to.Expiry {
		request.Expires = source.Metadata.Expires
	}
	if to.Tags {
		request.Tags = source.Metadata.Tags
	}
	_, err = to.Set(ctx, request)
	switch {
	case fault.Is(err, fault.VersionConflict, fault.AlreadyExists):
		return m, &ConflictError{ref, expected, "another"}
	case err != nil && !unknown(err):
		return m, err
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit)
	defer cancel()
	var lookErr error
	if m.To, same, lookErr = Compare(looking, to, ref, source.Value); lookErr != nil {
		if err == nil {
			err = lookErr
		}
		return m, err
	}
	if !same {
		if err == nil {
			err = fault.New(fault.VersionConflict, fault.SourceHost, string(ref)+" was set and has another value now: somebody set it too")
		}
		return m, err
	}
	m.Changed = true
	return m, nil
}

// unknown reports whether a write that failed so may have happened all the same.
func unknown(err error) bool {
	return fault.Is(err, fault.Unavailable, fault.Timeout, fault.Cancelled, fault.Internal)
}

// Compare reports at which version the store has ref, empty when it does not have
// it, and whether its value is value. It takes as long whatever differs.
func Compare(ctx context.Context, in Reader, ref secret.Ref, value secret.Value) (version secret.Version, same bool, err error) {
	s, err := in.Get(ctx, ref, secret.Current)
	if fault.Is(err, fault.NotFound, fault.Deleted) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer s.Value.Wipe()
	return s.Metadata.Version, hmac.Equal(s.Value.Reveal(), value.Reveal()), nil
}
