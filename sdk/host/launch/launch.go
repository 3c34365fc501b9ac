package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/host/launch/logline"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Config says what to start and how.
type Config struct {
	// Name of the plugin, for logs and traces.
	Name string
	// Path of its file, SHA256 its pin in hexadecimal digits, and Pin where that
	// stands.
	Path, SHA256, Pin string
	// Environment is the plugin's whole environment, as KEY=value.
	Environment []string
	// Folder holds the socket.
	Folder *Folder
	// Logger receives the plugin's log lines and what happens to its process.
	Logger *slog.Logger
	Tracer trace.TracerProvider
	// Now is the clock of the log's rate limit.
	Now func() time.Time
	// Majors of the contract that the plugin may choose from.
	Majors []int
	// Verified, when set, is called once the file is open and has its pinned hash.
	Verified func()
}

// Waits when a process is stopped, each after the one before: for the plugin to
// leave by itself, and for the system to end it.
const (
	leaveWait = contract.LeaveGrace + time.Second
	killWait  = 5 * time.Second
)

// Process is a running plugin.
type Process struct {
	process *process
	client  *plugin.Client
	conn    *grpc.ClientConn
	log     *logline.Reader
}

// StartError is a process that ran but did not become a plugin.
type StartError struct {
	Path string
	// Why in our words, and the last lines that the process wrote.
	Why       string
	LastLines []string
	Cause     error
}

func (e *StartError) Error() string {
	text := fmt.Sprintf("start plugin %s: %s", e.Path, e.Why)
	if n := len(e.LastLines); n > 0 {
		text += "; its last output was: " + strings.Join(e.LastLines[max(0, n-3):], " | ")
	}
	return text
}

func (e *StartError) Unwrap() error { return e.Cause }

// Start verifies the file, runs it and shakes hands. It gives up, and ends the
// process, when ctx ends. A wrong file is a [*HashError], a process that is no
// plugin a [*StartError].
func Start(ctx context.Context, c Config) (*Process, error) {
	image, err := openVerified(c.Path, c.SHA256, c.Pin)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	if c.Verified != nil {
		c.Verified()
	}
	p := &Process{
		process: &process{cmd: command(image), ended: make(chan struct{})},
		log:     logline.New(logline.Config{Logger: c.Logger, Now: c.Now}),
	}
	p.process.readLog = p.log.Read
	// Killing the process is what makes go-plugin's start end when ctx does.
	unwatch := func() bool { return true }
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: contract.CookieKey, MagicCookieValue: contract.CookieValue},
		VersionedPlugins: offer(c.Majors),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			p.process.cmd.Env = append(spec.Env, c.Environment...)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := p.process.start(); err != nil {
				return nil, err
			}
			unwatch = context.AfterFunc(ctx, func() { _ = p.process.kill() })
			return p.process, nil
		},
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: c.Folder.Path()},
		GRPCDialOptions:  dialOptions(c),
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       p.log,
		SyncStderr:       p.log,
		StartTimeout:     startLimit(ctx),
	})
	err = p.shakeHands()
	if !unwatch() && err == nil {
		err = errors.New("it started too late")
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("it did not start in time: %w", ctx.Err())
	}
	if err != nil {
		p.end()
		return nil, p.startError(c.Path, err)
	}
	return p, nil
}

// shakeHands waits for the handshake line and opens the connection.
func (p *Process) shakeHands() error {
	protocol, err := p.client.Client()
	if err != nil {
		return err
	}
	client, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return errors.New("it speaks another protocol than gRPC")
	}
	p.conn = client.Conn
	return nil
}

func (p *Process) startError(path string, err error) error {
	if !p.process.running {
		// The system refused to run the file; name it as the operator knows it.
		why := strings.ReplaceAll(err.Error(), "/proc/self/fd/3", path)
		return &StartError{Path: path, Why: why, Cause: err}
	}
	return &StartError{Path: path, Why: err.Error() + "; " + p.process.exitText(), LastLines: p.log.Last(), Cause: err}
}

// Conn is the connection to the plugin. Its messages are limited as the contract
// says.
func (p *Process) Conn() grpc.ClientConnInterface { return p.conn }

// Major of the contract that the plugin chose.
func (p *Process) Major() int { return p.client.NegotiatedVersion() }

// PID of the process.
func (p *Process) PID() int { return p.process.cmd.Process.Pid }

// Done is closed when the process has ended.
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
	left := wait(p.process.ended, leaveWait)
	p.end()
	return left
}

// end kills what is left and lets go-plugin clean up. A process that is frozen
// cannot hold it: go-plugin's own Kill would wait for its answer, so it is only
// called once the process is gone.
func (p *Process) end() {
	if p.process.running {
		_ = p.process.kill()
		if !wait(p.process.ended, killWait) {
			return // the system itself cannot end it; nothing more can be done
		}
	}
	cleaned := make(chan struct{})
	go func() { defer close(cleaned); p.client.Kill() }()
	wait(cleaned, killWait)
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

func dialOptions(c Config) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes), grpc.MaxCallSendMsgSize(contract.MaxMessageBytes)),
		grpc.WithInitialWindowSize(contract.WindowBytes),
		grpc.WithInitialConnWindowSize(contract.WindowBytes),
		grpc.WithSharedWriteBuffer(true),
		grpc.WithIdleTimeout(0),
		grpc.WithUnaryInterceptor(telemetry.ClientInterceptor(c.Tracer, c.Name)),
	}
}

// startLimit is go-plugin's own limit; ours is ctx.
func startLimit(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Until(deadline), time.Millisecond)
	}
	return time.Minute
}

func offer(majors []int) map[int]plugin.PluginSet {
	offered := map[int]plugin.PluginSet{}
	for _, major := range majors {
		offered[major] = plugin.PluginSet{contract.ServiceSet: &nothing{}}
	}
	return offered
}

// nothing satisfies go-plugin, whose dispensing we do not use: the services are
// opened on the connection itself.
type nothing struct{ plugin.NetRPCUnsupportedPlugin }
