package outcome_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/tools/migrate/handover"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/outcome"
	"github.com/identitymesh/identitymesh/tools/migrate/soak"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

func TestCode(t *testing.T) {
	var list diag.List
	list.Errorf("Secrets:Provider", "no")
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"no error":                                {nil, 0},
		"an error of another kind":                {errors.New("disk full"), 1},
		"a missing right":                         {fault.New(fault.AccessDenied, fault.SourceBackend, "no"), 1},
		"a command line":                          {fmt.Errorf("x: %w", commandline.Usagef("no")), 2},
		"no ledger":                               {fmt.Errorf("x: %w", ledger.ErrNone), 3},
		"a configuration":                         {list.Err(), 4},
		"one store as source and target":          {&stores.SameStoreError{}, 4},
		"another store than planned":              {&stores.OtherStoreError{}, 4},
		"a plugin that refuses its configuration": {fault.New(fault.ConfigInvalid, fault.SourceConfig, "no"), 4},
		"an outage beside another error":          {errors.Join(errors.New("x"), fault.New(fault.Unavailable, fault.SourceBackend, "no")), 5},
		"a timeout":                               {fault.New(fault.Timeout, fault.SourceBackend, "no"), 5},
		"refs that keep a store from being put into force": {unready(), 6},
		"a purge in the middle of a soak":                  {soak.ErrUnfinished, 6},
		"what was told already":                            {&commandline.Reported{Code: outcome.WorkLeft}, 6},
		"a lock":                                           {&ledger.LockedError{}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outcome.Code(c.err); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
			if !strings.Contains(outcome.Codes, fmt.Sprintf("  %d  ", c.want)) {
				t.Errorf("--help does not have %d", c.want)
			}
		})
	}
}

func unready() error {
	var list diag.List
	list.Errorf("secret://a", "is blocked")
	var invalid *diag.InvalidError
	errors.As(list.Err(), &invalid)
	return fmt.Errorf("x: %w", &handover.NotReadyError{What: "B cannot be put into force yet", Invalid: invalid})
}

func TestAnErrorSaysWhatToDoNext(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"without a migration": {ledger.ErrNone, "next: identitymesh-migrate plan"},
		"under a lock":        {&ledger.LockedError{Path: "x"}, "next: identitymesh-migrate status"},
		"of refs":             {unready(), "error: B cannot be put into force yet:\n  secret://a: is blocked"},
		"in an outage":        {fault.New(fault.Unavailable, fault.SourceBackend, "no"), "the same command again"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if outcome.Write(&out, c.err, false); !strings.Contains(out.String(), c.want) {
				t.Errorf("got %q", &out)
			}
		})
	}
}
