package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/host/launch/logline"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Config says what to start and how.
type Config struct {
	// Name of the plugin, for logs and traces.
	Name string
	// Path of its file, SHA256 its pin in hexadecimal digits, and Pin where that
	// stands.
	Path, SHA256, Pin string
	// Environment is what the plugin finds beside the variables of the handshake,
	// as KEY=value.
	Environment []string
	// Folder holds the socket.
	Folder *Folder
	// Logger receives the plugin's log lines and what happens to its process.
	Logger *slog.Logger
	Tracer trace.TracerProvider
	// Meter measures the calls; nil for nobody.
	Meter *telemetry.PluginMeter
	// Now is the clock of the log's rate limit.
	Now func() time.Time
	// Majors of the contract that the plugin may choose from.
	Majors []int
	// Verified, when set, is called once the file is open and has its pinned hash.
	Verified func()
	// Stdout and Stderr, when set, receive all that the plugin writes there, the
	// handshake line included, until its process has ended.
	Stdout, Stderr io.Writer
}

// Process is a running plugin.
type Process struct {
	process *process
	conn    *grpc.ClientConn
	major   int
	log     *logline.Reader
}

// Start verifies the file, runs it and shakes hands. It gives up, and ends the
// process, when ctx ends. A wrong file is a [*HashError], everything else that
// the plugin or its file is to blame for a [*StartError].
func Start(ctx context.Context, c Config) (*Process, error) {
	c.Folder.tellOrphans(c.Logger)
	image, err := openVerified(c)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	if c.Verified != nil {
		c.Verified()
	}
	pair, err := handshake.NewPair()
	if err != nil {
		return nil, err
	}
	place, err := c.Folder.place()
	if err != nil {
		return nil, fmt.Errorf("make a folder for the plugin's socket: %w", err)
	}
	p := &Process{log: logline.New(logline.Config{Logger: c.Logger, Now: c.Now})}
	first := make(chan firstLine, 1)
	p.process = &process{
		cmd: command(image), place: place, logger: c.Logger, ended: make(chan struct{}),
		readStderr: func(stderr io.Reader) {
			if c.Stderr != nil {
				stderr = io.TeeReader(stderr, c.Stderr)
			}
			p.log.Read(stderr)
		},
		readStdout: func(stdout io.Reader) {
			if c.Stdout != nil {
				stdout = io.TeeReader(stdout, c.Stdout)
			}
			readStdout(stdout, first, c.Logger)
		},
	}
	// Ours come last and win: nothing that an operator allows replaces them.
	p.process.cmd.Env = slices.Concat(c.Environment, environment(c.Majors, pair, place))
	if err := p.process.start(); err != nil {
		_ = os.RemoveAll(place)
		return nil, refused(image, err)
	}
	unwatch := context.AfterFunc(ctx, func() { _ = p.process.kill() })
	err = p.shakeHands(ctx, c, pair, first)
	if !unwatch() && err == nil {
		err = errors.New("it started too late")
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("it did not write its handshake line in time: %w", ctx.Err())
	}
	if err != nil {
		p.end()
		return nil, p.failed(c.Path, err)
	}
	return p, nil
}

// shakeHands waits for the handshake line and opens the connection.
func (p *Process) shakeHands(ctx context.Context, c Config, pair *handshake.Pair, first <-chan firstLine) error {
	var got firstLine
	select {
	case got = <-first:
	case <-ctx.Done():
		return ctx.Err()
	}
	if got.err != nil {
		wait(p.process.ended, 2*PipeGrace) // it may have ended, and says why in a moment
		return got.err
	}
	line, err := judge(got.text, c.Majors, p.process.place)
	if err != nil {
		return err
	}
	config, err := pair.Client(line.Certificate)
	if err != nil {
		return &permanent{err}
	}
	p.major = line.Major
	if p.conn, err = connect(c, config, line); err != nil {
		return err
	}
	go readStdio(p.conn, p.log)
	return nil
}

// Conn is the connection to the plugin. Its messages are limited as the contract
// says.
func (p *Process) Conn() grpc.ClientConnInterface { return p.conn }

// Major of the contract that the plugin chose.
func (p *Process) Major() int { return p.major }

// PID of the process.
func (p *Process) PID() int { return p.process.cmd.Process.Pid }

// Done is closed when the process has ended and nothing is left of it.
func (p *Process) Done() <-chan struct{} { return p.process.ended }

// ExitText says how the process ended, once Done is closed.
func (p *Process) ExitText() string { return p.process.exitText() }

// LastLines are the last lines the process wrote, for a crash report.
func (p *Process) LastLines() []string { return p.log.Last() }

// Stop ends the process: it closes the lifeline, waits for the plugin to leave,
// and kills it with all it forked when it does not. It returns in bounded time
// whatever the plugin does; true means that the plugin left by itself.
func (p *Process) Stop() bool {
	p.process.hangUp()
	left := wait(p.process.ended, LeaveWait)
	p.end()
	return left
}

// end kills what is left. When the system itself cannot end the process, nothing
// more can be done.
func (p *Process) end() {
	_ = p.process.kill()
	wait(p.process.ended, KillWait)
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

func wait(done <-chan struct{}, limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
