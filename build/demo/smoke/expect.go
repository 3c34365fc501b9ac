package smoke

import (
	"fmt"
	"strings"

	"github.com/identitymesh/identitymesh/build/demo/client"
	"github.com/identitymesh/identitymesh/build/demo/stack"
)

func equal[T comparable](what string, want, got T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("expected %s to be %+v, found %+v", what, want, got)
}

func contains(what, text, part string) error {
	if strings.Contains(text, part) {
		return nil
	}
	return fmt.Errorf("expected %s to say %q, found %q", what, part, text)
}

// brings compares what a run did. A delta reads some people again to be safe, so
// that only a full import says how many did not change.
func brings(r client.Run, want client.Counts) error {
	if err := r.Err(); err != nil {
		return fmt.Errorf("expected a run that succeeds, found: %w", err)
	}
	want.Unchanged = r.Counts.Unchanged
	if r.Kind == client.Full {
		want.Unchanged = stack.People - want.Added - want.Updated
	}
	return equal(fmt.Sprintf("the counts of the %s run of %s", r.Kind, r.ConnectorName), want, r.Counts)
}
