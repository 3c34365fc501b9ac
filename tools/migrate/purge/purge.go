// Package purge deletes from the source what the target serves by now: only refs
// that were verified and soaked, each right after a last comparison of both values.
// There is no way back from it.
//
// Start reading at [Candidates], which says what could be deleted, then at [Purge].
package purge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/carry"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// Config of a purge.
type Config struct {
	Ledger         *ledger.Ledger
	Source, Target *stores.Store
	// Progress is told how many of all were done; nil for nobody.
	Progress func(done, all int)
}

// Kept is a ref that was not deleted, and why.
type Kept struct {
	Ref    secret.Ref `json:"ref"`
	Reason string     `json:"reason"`
	// Retry is true when the same command may succeed later.
	Retry bool `json:"retry"`
}

// Outcome says what was done.
type Outcome struct {
	Purged int    `json:"purged"`
	Kept   []Kept `json:"kept"`
}

// soaked says whether runs proved the target for a ref, or no connector needs it.
func soaked(e ledger.Entry) bool {
	return e.State == ledger.Soaking && (e.Reads > 0 || !e.Used)
}

// Candidates returns how many refs can be purged, and how many are served by the
// target and were not proved yet.
func Candidates(ctx context.Context, l *ledger.Ledger) (ready, unproved int, err error) {
	err = l.Entries(ctx, []ledger.State{ledger.Verified, ledger.Switched, ledger.Soaking}, func(e ledger.Entry) error {
		if soaked(e) {
			ready++
		} else {
			unproved++
		}
		return nil
	})
	return ready, unproved, err
}

// Purge deletes every candidate from the source, while the target is in force
// everywhere; [ledger.ErrNotInForce] otherwise. Refs that it keeps are in the
// outcome; an error is one of the ledger, or the end of ctx.
func Purge(ctx context.Context, c Config) (o Outcome, err error) {
	if _, err := c.Ledger.InForce(ctx); err != nil {
		return o, err
	}
	all, _, err := Candidates(ctx, c.Ledger)
	if err != nil {
		return o, err
	}
	done := 0
	err = c.Ledger.Entries(ctx, []ledger.State{ledger.Soaking}, func(e ledger.Entry) error {
		if !soaked(e) {
			return nil
		}
		kept, err := c.one(ctx, e)
		if err != nil {
			return err
		}
		if kept != nil {
			o.Kept = append(o.Kept, *kept)
		} else {
			o.Purged++
		}
		if done++; c.Progress != nil {
			c.Progress(done, all)
		}
		return ctx.Err()
	})
	return o, err
}

// one deletes a ref, or says why not.
func (c Config) one(ctx context.Context, e ledger.Entry) (*Kept, error) {
	keep := func(retry bool, format string, args ...any) (*Kept, error) {
		return &Kept{e.Ref, fmt.Sprintf(format, args...), retry}, nil
	}
	var step ledger.Intent
	var err error
	if e.Open != 0 {
		var begun ledger.Event
		if step, begun, err = c.Ledger.Resume(ctx, e); err != nil {
			return nil, err
		}
		if begun.Step != ledger.Purge {
			return keep(true, "its step %s was interrupted; repeat that command first", begun.Step)
		}
	} else if step, err = c.Ledger.Begin(ctx, e.Ref, ledger.Purge, ledger.Change{SourceVersion: e.SourceVersion, TargetVersion: e.TargetVersion}); err != nil {
		return nil, err
	}
	refuse := func(err error, retry bool, text string) (*Kept, error) {
		if e := c.Ledger.Fail(ctx, step, err, ledger.Change{Reason: text}); e != nil {
			return nil, e
		}
		return keep(retry, "%s", text)
	}
	now, gone, why, err := c.compare(ctx, e)
	if err != nil {
		return refuse(err, fault.Of(err).ReadRetryable(), err.Error())
	}
	if why != "" {
		return refuse(fault.New(fault.VersionConflict, fault.SourceHost, why), false, why)
	}
	if !gone {
		err := c.Source.Delete(ctx, e.Ref)
		if err != nil && !fault.Is(err, fault.NotFound, fault.Deleted) && !c.isGone(ctx, e.Ref) {
			return refuse(err, fault.Of(err).ReadRetryable(), "it could not be deleted: "+err.Error())
		}
	}
	return nil, c.Ledger.End(ctx, step, now)
}

// compare reads both values. why says what speaks against deleting the source's;
// gone is true when it is deleted already.
func (c Config) compare(ctx context.Context, e ledger.Entry) (now ledger.Change, gone bool, why string, err error) {
	target, err := c.Target.Read(ctx, e.Ref)
	if err != nil {
		return now, false, "", fmt.Errorf("it cannot be read in the target: %w", err)
	}
	defer target.Value.Wipe()
	now.TargetVersion = target.Metadata.Version
	version, same, err := carry.Compare(ctx, c.Source, e.Ref, target.Value)
	switch {
	case err != nil:
		return now, false, "", fmt.Errorf("it cannot be read in the source: %w", err)
	case version == "":
		return now, true, "", nil
	case same:
		now.SourceVersion = version
		return now, false, "", nil
	case version != e.SourceVersion:
		return now, false, "the source has another value, which was set there after the switch; see which of the two is right, and set it in the target", nil
	case target.Metadata.Version == e.TargetVersion:
		return now, false, "the values differ and nobody is known to have set the target", nil
	}
	// The target was set after the switch: what the source has is the value of before.
	return now, false, "", nil
}

// isGone looks at what became of a delete whose outcome is not known.
func (c Config) isGone(ctx context.Context, ref secret.Ref) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookLimit)
	defer cancel()
	_, err := c.Source.Describe(ctx, ref)
	return fault.Is(err, fault.NotFound, fault.Deleted)
}

const lookLimit = 30 * time.Second

// ErrNothing is a purge without a ref that could be purged.
var ErrNothing = errors.New("no ref is verified and soaked: \"identitymesh-migrate status\" says what comes first")
