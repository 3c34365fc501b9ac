// Package secrets is the engine's policy over secret references: what a run
// reads, when, and what happens to it afterwards. Every run reads the current
// version of each ref it needs; nothing is kept beyond the run.
//
// How a provider is reached is sdk/host's concern. Start reading at [Resolve].
package secrets

import (
	"context"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Getter reads a value from the provider in force.
type Getter interface {
	Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error)
}

// Values are the secrets of one run by ref.
type Values map[secret.Ref]secret.Value

// Resolve reads the current value of each ref, each within limit. On an error,
// which wraps the provider's own and names the ref, nothing is left unwiped.
func Resolve(ctx context.Context, from Getter, refs []secret.Ref, limit time.Duration) (Values, error) {
	values := make(Values, len(refs))
	for _, ref := range refs {
		if _, have := values[ref]; have {
			continue
		}
		value, err := get(ctx, from, ref, limit)
		if err != nil {
			values.Wipe()
			return nil, fmt.Errorf("read the secret %s: %w", ref, err)
		}
		values[ref] = value
	}
	return values, nil
}

func get(ctx context.Context, from Getter, ref secret.Ref, limit time.Duration) (secret.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s, err := from.Get(ctx, ref, secret.Current)
	return s.Value, err
}

// Wipe overwrites all values.
func (v Values) Wipe() {
	for _, value := range v {
		value.Wipe()
	}
}
