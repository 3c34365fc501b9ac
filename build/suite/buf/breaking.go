package buf

import (
	"context"
	"fmt"

	"github.com/identitymesh/identitymesh/build/command"
)

// CheckBreaking fails with what the proto files took away or changed since
// released, a copy of the folder sdk as it was. Both are folders with a buf.yaml;
// the rules are those of sdk.
func CheckBreaking(ctx context.Context, sdk, released string) error {
	spec := command.Spec{Dir: sdk, Args: []string{"go", "run", tool, "breaking", "--against", released}}
	if _, err := command.Run(ctx, spec); err != nil {
		return fmt.Errorf("the contract breaks what was released; within a major add, never remove, rename or renumber: %w", err)
	}
	return nil
}
