package launch

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin/runner"
)

// attached shows go-plugin a process that we started, whose handshake line we have
// read and believe already.
type attached struct {
	*process
	line string
}

var _ runner.Runner = (*attached)(nil)

// Start has nothing left to do.
func (a *attached) Start(context.Context) error { return nil }

// Stdout is the handshake line and nothing else, Stderr is empty: our readers read
// the real ones, because go-plugin's can be made to panic and to stop.
func (a *attached) Stdout() io.ReadCloser { return io.NopCloser(strings.NewReader(a.line + "\n")) }

// Stderr is empty.
func (a *attached) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Wait returns when the process has ended.
func (a *attached) Wait(ctx context.Context) error {
	select {
	case <-a.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill ends the process and what it forked, and waits for its end, but not for
// ever: go-plugin sets no limit, and the system may be unable to end it.
func (a *attached) Kill(ctx context.Context) error {
	if err := a.kill(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, KillWait)
	defer cancel()
	return a.Wait(ctx)
}

func (a *attached) Diagnose(context.Context) string { return "" }
func (a *attached) Name() string                    { return a.cmd.Args[0] }
func (a *attached) ID() string                      { return strconv.Itoa(a.cmd.Process.Pid) }

func (a *attached) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

func (a *attached) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
