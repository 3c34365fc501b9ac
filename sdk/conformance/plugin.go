package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/contract"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
)

// plugin is a process of the plugin with the four services on its connection.
type plugin struct {
	pb.PluginClient
	pb.SecretMetadataClient
	pb.SecretValueClient
	pb.SecretWriteClient

	suite          *suite
	process        *launch.Process
	conn           grpc.ClientConnInterface
	stdout, stderr *tape
	ended          atomic.Bool // by us
}

// start runs a further process, not yet configured, that may choose from majors,
// or from those that the host serves.
func (s *suite) start(ctx context.Context, majors ...int) (*plugin, error) {
	p := &plugin{suite: s, stdout: &tape{}, stderr: &tape{}}
	return p, s.launch(ctx, p, majors...)
}

// launch is start with a place for what the process writes, which tells about one
// that does not become a plugin.
func (s *suite) launch(ctx context.Context, p *plugin, majors ...int) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if len(majors) == 0 {
		for _, m := range facade.Served() {
			majors = append(majors, m.Number)
		}
	}
	temp := s.tempFolder()
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return err
	}
	process, err := run(ctx, launch.Config{
		Name: "conformance", Path: s.config.Binary, SHA256: s.sha256, Pin: "the conformance run",
		// What a plugin writes to temporary files is looked at in the end.
		Environment: slices.Concat([]string{"TMPDIR=" + temp, "TEMP=" + temp, "TMP=" + temp}, s.config.Environment,
			[]string{pluginmain.EnvLogLevel + "=DEBUG"}),
		Folder: s.folder, Logger: s.config.Logger, Tracer: tracenoop.NewTracerProvider(), Now: time.Now,
		Majors: majors, Stdout: p.stdout, Stderr: p.stderr,
	})
	if err != nil {
		return err
	}
	p.process = process
	p.conn = &watched{conn: process.Conn(), suite: s}
	p.PluginClient, p.SecretMetadataClient = pb.NewPluginClient(p.conn), pb.NewSecretMetadataClient(p.conn)
	p.SecretValueClient, p.SecretWriteClient = pb.NewSecretValueClient(p.conn), pb.NewSecretWriteClient(p.conn)
	s.mu.Lock()
	s.plugins = append(s.plugins, p)
	s.mu.Unlock()
	return nil
}

// run starts the process. A system that makes none of a file that it could run has
// too much to do, which is no fault of the plugin: it is asked again.
func run(ctx context.Context, c launch.Config) (*launch.Process, error) {
	const tries = 3
	for n := 1; ; n++ {
		process, err := launch.Start(ctx, c)
		var failed *launch.StartError
		if mayPass := errors.As(err, &failed) && failed.Unborn && !failed.Permanent; !mayPass || n == tries {
			return process, err
		}
		sleep(ctx, time.Second)
	}
}

func (s *suite) tempFolder() string { return filepath.Join(s.dir, "temp") }

// configured is start with the good configuration.
func (s *suite) configured(ctx context.Context) (*plugin, error) {
	p, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	return p, p.configure(ctx, s.config.Config)
}

// configure gives the configuration and expects no error in it.
func (p *plugin) configure(ctx context.Context, config []byte) error {
	got, err := p.Configure(ctx, &pb.ConfigureRequest{Config: config})
	if err != nil {
		return outcome("Configure", err)
	}
	for _, d := range got.GetDiagnostics() {
		if d.GetSeverity() != pb.Diagnostic_SEVERITY_WARNING {
			return fmt.Errorf("Configure: the configuration that was given for the run is refused: %s: %s", d.GetPath(), d.GetSummary())
		}
	}
	return nil
}

// stop ends the process in order and returns how long it took to leave, and
// whether it left by itself.
func (p *plugin) stop() (time.Duration, bool) {
	p.noteDeath()
	p.ended.Store(true)
	start := time.Now()
	left := p.process.Stop()
	return time.Since(start), left
}

// kill ends the process at once and waits until it is gone.
func (p *plugin) kill() {
	p.noteDeath()
	p.ended.Store(true)
	if found, err := os.FindProcess(p.process.PID()); err == nil {
		_ = found.Kill()
	}
	select {
	case <-p.process.Done():
	case <-time.After(contract.LeaveGrace):
	}
	p.process.Stop()
}

// noteEscaped looks for what the process moved out of its group, while it lives:
// its host ends such processes with it.
func (p *plugin) noteEscaped() {
	pids, err := escaped(p.process.PID(), p.socketFolder())
	p.suite.mu.Lock()
	defer p.suite.mu.Unlock()
	p.suite.escapes, p.suite.escapesErr = p.suite.escapes+len(pids), err
}

// socketFolder is where the process was told to listen. No other process has it
// in its environment, but for what the process starts.
func (p *plugin) socketFolder() string {
	line, _, _ := bytes.Cut(p.stdout.bytes(), []byte("\n"))
	if fields := strings.Split(string(line), "|"); len(fields) > 3 {
		return filepath.Dir(fields[3])
	}
	return ""
}

// noteDeath tells the suite when the process is gone already.
func (p *plugin) noteDeath() {
	select {
	case <-p.process.Done():
		if p.ended.CompareAndSwap(false, true) {
			p.suite.died(p.process.ExitText())
		}
	default:
	}
}

// tape keeps what a process writes, from the beginning on and within a limit.
type tape struct {
	mu   sync.Mutex
	text []byte
}

const maxTape = 16 << 20

// Write takes everything and keeps what there is room for.
func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[:min(len(p), maxTape-len(t.text))]...)
	return len(p), nil
}

func (t *tape) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.text)
}
