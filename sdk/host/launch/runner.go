package launch

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// pipeGrace is how long the pipes of an ended process are still read, in case
// something it forked holds them open.
const pipeGrace = 500 * time.Millisecond

// process is the operating system's side of a plugin. It implements go-plugin's
// runner, so that go-plugin does the handshake over a process that we start,
// contain and watch.
type process struct {
	cmd     *exec.Cmd
	readLog func(io.Reader) // takes in stderr until its end
	stdin   *os.File        // our end of the lifeline
	stdout  *os.File
	stderr  *os.File
	running bool // it was started; set before start returns
	ended   chan struct{}
	exit    error // set before ended is closed

	mu      sync.Mutex
	contain containment
	over    bool // contain was released and may name something else by now
}

var _ runner.Runner = (*process)(nil)

// start runs the command. The thread that starts it is kept until the process
// ends, because on Linux the parent-death signal follows the thread, not the
// process.
func (p *process) start() error {
	closeAll := func(files ...*os.File) {
		for _, f := range files {
			_ = f.Close()
		}
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		return err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		closeAll(inR, inW)
		return err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		closeAll(inR, inW, outR, outW)
		return err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = inR, outW, errW
	p.stdin, p.stdout, p.stderr = inW, outR, errR

	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		closeAll(inR, outW, errW)
		if err == nil {
			if p.contain, err = contain(p.cmd.Process); err != nil {
				_ = p.cmd.Process.Kill()
				_ = p.cmd.Wait()
			}
		}
		started <- err
		if err != nil {
			return
		}
		read := make(chan struct{})
		go func() { defer close(read); p.readLog(p.stderr) }()
		p.exit = p.cmd.Wait()
		_ = p.kill() // what it left behind
		p.mu.Lock()
		p.contain.release()
		p.over = true
		p.mu.Unlock()
		time.AfterFunc(pipeGrace, func() { closeAll(p.stdout) })
		wait(read, pipeGrace) // what it wrote last says why it died
		closeAll(p.stdin, p.stderr)
		close(p.ended)
	}()
	if err := <-started; err != nil {
		closeAll(inW, outR, errR)
		return fmt.Errorf("run the plugin: %w", err)
	}
	p.running = true
	return nil
}

// hangUp closes the lifeline: a well-behaved plugin leaves.
func (p *process) hangUp() { _ = p.stdin.Close() }

// kill ends the process and what it forked, without waiting. It does nothing once
// the process has ended.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return nil
	}
	return p.contain.kill()
}

// exitText says how the process ended.
func (p *process) exitText() string {
	select {
	case <-p.ended:
	default:
		return "it could not be ended"
	}
	if p.exit == nil {
		return "it exited by itself with code 0"
	}
	return "it ended with " + p.exit.Error()
}

// Start is called by go-plugin after the process was started already.
func (p *process) Start(context.Context) error { return nil }

// Wait returns when the process has ended.
func (p *process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill ends the process and what it forked, and waits for its end, but not for
// ever: go-plugin sets no limit, and the system may be unable to end it.
func (p *process) Kill(ctx context.Context) error {
	if err := p.kill(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, killWait)
	defer cancel()
	return p.Wait(ctx)
}

// Stdout is where the handshake line comes from.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr is empty for go-plugin, whose reader can be made to panic; ours reads
// the real one.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

func (p *process) Diagnose(context.Context) string { return "" }
func (p *process) Name() string                    { return p.cmd.Args[0] }
func (p *process) ID() string                      { return strconv.Itoa(p.cmd.Process.Pid) }

func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
