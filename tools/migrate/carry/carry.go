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
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

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
func Over(ctx context.Context, from, to *stores.Store, ref secret.Ref, expected secret.Version) (m Moved, err error) {
	source, err := from.Read(ctx, ref)
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
	if to.Has(facade.ConditionalSet) {
		request.Expected = &expected
	}
	if to.Has(facade.Expiry) {
		request.Expires = source.Metadata.Expires
	}
	if to.Has(facade.Tags) {
		request.Tags = Labels(source.Metadata.Tags)
	}
	_, err = to.Set(ctx, request)
	switch {
	case fault.Is(err, fault.VersionConflict, fault.AlreadyExists):
		found, _, again := Compare(ctx, to, ref, source.Value)
		if again != nil {
			return m, again
		}
		return m, &ConflictError{ref, expected, found}
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
func Compare(ctx context.Context, in *stores.Store, ref secret.Ref, value secret.Value) (version secret.Version, same bool, err error) {
	s, err := in.Read(ctx, ref)
	if fault.Is(err, fault.NotFound, fault.Deleted) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer s.Value.Wipe()
	return s.Metadata.Version, hmac.Equal(s.Value.Reveal(), value.Reveal()), nil
}

// ownPrefix begins the tags that providers make for themselves.
const ownPrefix = "im-"

// Labels are the tags that go along: not those that the source's provider made for itself.
func Labels(tags map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range tags {
		if !strings.HasPrefix(strings.ToLower(k), ownPrefix) {
			out[k] = v
		}
	}
	return out
}
