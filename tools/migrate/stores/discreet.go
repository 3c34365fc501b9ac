package stores

import (
	"bytes"
	"context"
	"errors"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// shortestHidden is the shortest value that is looked for in messages: nearly every
// message has a shorter one in it.
const shortestHidden = 4

// Set implements [Changer]. What a store or a plugin says of a failure is kept in the
// ledger, the plan, the report and the product database. Plugins must not repeat a value
// there; one that does all the same is not repeated.
func (s *Store) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	m, err := s.Caller.Set(ctx, req)
	if err == nil || len(req.Value.Reveal()) < shortestHidden || !bytes.Contains([]byte(err.Error()), req.Value.Reveal()) {
		return m, err
	}
	hidden := fault.New(fault.Of(err), fault.SourcePlugin, "the message of the provider "+s.Side.Provider+" held the value, and is left out; tell its maker")
	if failed := (*fault.Error)(nil); errors.As(err, &failed) {
		hidden.Source, hidden.RetryAfter = failed.Source, failed.RetryAfter
	}
	return m, hidden
}
