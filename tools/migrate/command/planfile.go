package command

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

// planFile is beside the ledger. The ledger decides; the file is for people and
// programs that look at every ref.
const planFile = "migration-plan.json"

// writePlan writes the plan with every ref, one a line, and returns the file's path.
func (s *session) writePlan(ctx context.Context, p planned) (string, error) {
	path := filepath.Join(filepath.Dir(s.ledger.Path()), planFile)
	err := wholefile.Replace(path, 0o600, func(w io.Writer) error {
		out := bufio.NewWriter(w)
		head, err := json.Marshal(map[string]any{"migration": p.Migration, "result": p.Result, "runnable": p.Runnable})
		if err != nil {
			return err
		}
		unnamed, _, err := s.ledger.Unnamed(ctx, maxUnnamed)
		if err != nil {
			return err
		}
		names, err := json.Marshal(unnamed)
		if err != nil {
			return err
		}
		// The brace is opened again for what does not fit into memory.
		fmt.Fprintf(out, "%s,\n\"unnamed\":%s,\n\"refs\":[", head[:len(head)-1], names)
		separator := "\n"
		err = s.ledger.Entries(ctx, nil, func(e ledger.Entry) error {
			line, err := json.Marshal(e)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "%s%s", separator, line)
			separator = ",\n"
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprint(out, "\n]}\n")
		return out.Flush()
	})
	if err != nil {
		return "", fmt.Errorf("write the plan %s: %w", path, err)
	}
	return path, nil
}

// maxUnnamed bounds the entries without a ref that a plan names.
const maxUnnamed = 10_000
