//go:build unix

package command_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
)

func TestRunReturnsBothStreamsAndTheToolsOwnWords(t *testing.T) {
	spec := command.Spec{Env: []string{"WORD=mesh"}, Args: []string{"sh", "-c", "echo out; echo $WORD >&2; exit 3"}}
	out, err := command.Run(t.Context(), spec)
	if out != "out\nmesh\n" {
		t.Errorf("output %q", out)
	}
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "mesh") {
		t.Errorf("error %v", err)
	}
}

func TestRunEndsTheChildrenOfAToolToo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	started := time.Now()
	_, err := command.Run(ctx, command.Spec{Args: []string{"sh", "-c", "sleep 60 & wait"}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	// A surviving child would hold the output open until the grace period ends.
	if took := time.Since(started); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
}
