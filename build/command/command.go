// Package command runs a tool and returns what it said.
//
// A tool is ended together with the processes it started. Long-lived processes
// are not its concern. Start reading at [Run].
package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// grace is how long output may trickle in after a tool was ended.
const grace = 5 * time.Second

// Spec is one call of a tool.
type Spec struct {
	// Dir is the folder to run in; empty is the current one.
	Dir string
	// Env is put over the environment of this process, as KEY=value.
	Env []string
	// Stdout and Stderr, when set, receive that stream while the tool runs; such
	// output is not returned.
	Stdout, Stderr io.Writer
	// Args are the tool and its arguments.
	Args []string
}

// Run runs the tool to its end and returns its output, standard error included.
// The error names the tool and holds its last lines. When ctx ends, the tool and
// its children are killed.
func Run(ctx context.Context, spec Spec) (string, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, spec.Args[0], spec.Args[1:]...)
	cmd.Dir = spec.Dir
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if spec.Stdout != nil {
		cmd.Stdout = spec.Stdout
	}
	if spec.Stderr != nil {
		cmd.Stderr = spec.Stderr
	}
	cmd.WaitDelay = grace
	killWithChildren(cmd)
	err := cmd.Run()
	out := said.String()
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	line := strings.Join(spec.Args, " ")
	if text := strings.TrimSpace(out); text != "" {
		return out, fmt.Errorf("%s: %w\n%s", line, err, text)
	}
	return out, fmt.Errorf("%s: %w", line, err)
}
