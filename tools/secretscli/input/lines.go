package input

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

// Lines returns the lines of r without their line breaks, each at most longest
// bytes long.
func Lines(ctx context.Context, r io.Reader, longest int) ([]string, error) {
	lines, err := until(ctx, func() ([]string, error) {
		var lines []string
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, longest+len("\r\n")+1)
		for scanner.Scan() {
			lines = append(lines, scanner.Text())
		}
		if errors.Is(scanner.Err(), bufio.ErrTooLong) {
			return nil, outcome.Usagef("line %d is longer than %d bytes", len(lines)+1, longest)
		}
		return lines, scanner.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	return lines, nil
}
