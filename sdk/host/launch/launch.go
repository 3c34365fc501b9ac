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

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
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
	client  *plugin.Client
	conn    *grpc.ClientConn
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
	p := &Process{log: logline.New(logline.Config{Logger: c.Logger, Now: c.Now})}
	first := make(chan firstLine, 1)
	p.process = &process{
		cmd: command(image), logger: c.Logger, ended: make(chan struct{}),
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
	unwatch := func() bool { return true }
	run := func(environment []string, place string) (runner.Runner, error) {
		p.process.place = place
		// The handshake's come last and win: nothing that an operator allows replaces
		// them.
		p.process.cmd.Env = slices.Concat(c.Environment, environment, []string{handshake.EnvCertificate + "=" + pair.PEM()})
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := p.process.start(); err != nil {
			return nil, refused(image, err)
		}
		// Killing the process is what makes everything below end when ctx does.
		unwatch = context.AfterFunc(ctx, func() { _ = p.process.kill() })
		line, err := p.process.handshakeLine(ctx, c.Majors, first)
		return &attached{process: p.process, line: line}, err
	}
	p.client, p.conn, err = connect(c, pair, p.log, run)
	if !unwatch() && err == nil {
		err = errors.New("it started too late")
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("it did not write its handshake line in time: %w", ctx.Err())
	}
	if err == nil {
		return p, nil
	}
	if !p.process.running {
		_ = os.RemoveAll(p.process.place)
		return nil, err
	}
	p.end()
	return nil, p.failed(c.Path, err)
}

// Conn is the connection to the plugin. Its messages are limited as the contract
// says.
func (p *Process) Conn() grpc.ClientConnInterface { return p.conn }

// Major of the contract that the plugin chose.
func (p *Process) Major() int { return p.client.NegotiatedVersion() }

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
	// go-plugin's own end asks the plugin to leave, so it comes when nobody is left
	// to ask.
	if wait(p.process.ended, KillWait) {
		cleaned := make(chan struct{})
		go func() { defer close(cleaned); p.client.Kill() }()
		wait(cleaned, KillWait)
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
