package run

import (
	"context"
	"errors"
	"time"

	"github.com/identitymesh/identitymesh/engine/secrets"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// reads gets secrets and remembers how that went, for operators who ask when a
// secret was last used.
type reads struct {
	from secrets.Getter
	now  func() time.Time
	of   store.Claimed
	done []store.SecretRead
}

// Get implements [secrets.Getter].
func (r *reads) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	s, err := r.from.Get(ctx, ref, version)
	read := store.SecretRead{
		Ref: string(ref), Used: r.now(), Outcome: fault.OK.String(), RunID: r.of.Run.ID,
		Connector: store.ConnectorName{ID: r.of.Connector.ID, Name: r.of.Connector.Name},
	}
	if err != nil {
		read.Outcome, read.Message = fault.Of(err).String(), err.Error()
		var f *fault.Error
		if errors.As(err, &f) && f.Message != "" {
			read.Message = f.Message
		}
	}
	r.done = append(r.done, read)
	return s, err
}

// noteLimit bounds writing how secrets were read.
const noteLimit = 5 * time.Second

// note writes how the run's secrets were read. The run does not depend on it.
func (j *job) note(ctx context.Context, r *reads) {
	// Also when the run was ended while it read.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteLimit)
	defer cancel()
	if err := j.config.Store.RecordReads(ctx, r.done); err != nil {
		j.logger.WarnContext(ctx, "how the run's secrets were read could not be written", telemetry.KeyError, err)
	}
}
