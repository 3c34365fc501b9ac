// Package process starts programs of the product for the demo, waits until they
// are ready, and stops them, so that none outlives the demo.
//
// Each writes to a log file. What a program does is not this package's concern.
// Start reading at [Start].
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

const (
	stopTime = 10 * time.Second
	poll     = 50 * time.Millisecond
	// tailSize is how much of the log an error shows.
	tailSize = 4 << 10
)

// Config says what to start.
type Config struct {
	// Name is what errors call it.
	Name string
	// Path of the program, and its arguments.
	Path string
	Args []string
	// Env is the environment, as KEY=value; nil means that of this process.
	Env []string
	Dir string
	// Log is a file that both output streams are appended to; its folder exists.
	Log string
	// StopTime is how long the program may take to stop when asked; then it is
	// killed. Zero means 10 seconds.
	StopTime time.Duration
}

// Process is a started program.
type Process struct {
	config Config
	cmd    *exec.Cmd
	// began is the size of the log before the start.
	began  int64
	asked  atomic.Bool
	exited chan struct{}
	err    error // set before exited is closed
}

// Start starts the program. On Linux and on Windows it is killed when this process
// dies in whatever way.
func Start(c Config) (*Process, error) {
	if c.StopTime == 0 {
		c.StopTime = stopTime
	}
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	defer func() { _ = log.Close() }()
	info, err := log.Stat()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdout, cmd.Stderr = log, log
	p := &Process{config: c, cmd: cmd, began: info.Size(), exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death of a parent is noticed by thread, so this one stays until the
		// program has ended.
		runtime.LockOSThread()
		release, err := run(cmd)
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		release()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return p, nil
}

// run starts the program so that it cannot outlive this process; release ends
// what it left behind, where the system can do that.
func run(cmd *exec.Cmd) (release func(), err error) {
	tie(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	release, err = hold(cmd.Process)
	if err != nil {
		_ = cmd.Process.Kill()
		return nil, errors.Join(err, cmd.Wait())
	}
	return release, nil
}

// PID returns its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err says how the program ended, with the end of its log; nil while it runs and
// after Stop was called.
func (p *Process) Err() error {
	select {
	case <-p.exited:
	default:
		return nil
	}
	if p.asked.Load() {
		return nil
	}
	return fmt.Errorf("%s ended by itself (%v); its log %s ends with:\n%s", p.config.Name, p.cmd.ProcessState, p.config.Log, p.tail())
}

// WaitReady waits until ready answers nil, the program ends, or ctx ends.
func (p *Process) WaitReady(ctx context.Context, ready func(context.Context, *Process) error) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	last := errors.New("it was never asked")
	for {
		err := ready(ctx, p)
		if err == nil {
			return nil
		}
		// A call that the deadline cut off says nothing about the program.
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-p.exited:
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (%v); its log %s ends with:\n%s", p.config.Name, last, ctx.Err(), p.config.Log, p.tail())
		case <-ticker.C:
		}
	}
}

// AnswersHTTP is ready when the address answers with any status below 500.
func AnswersHTTP(url string) func(context.Context, *Process) error {
	client := &http.Client{Timeout: 2 * time.Second}
	return func(ctx context.Context, _ *Process) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode >= http.StatusInternalServerError {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

// Says is ready when the program has written the text.
func Says(text string) func(context.Context, *Process) error {
	return func(_ context.Context, p *Process) error {
		said, err := p.Output()
		if err != nil {
			return err
		}
		if !bytes.Contains(said, []byte(text)) {
			return fmt.Errorf("it did not say %q yet", text)
		}
		return nil
	}
}

// Output returns what the program has written since it was started.
func (p *Process) Output() ([]byte, error) {
	data, err := os.ReadFile(p.config.Log)
	if err != nil {
		return nil, err
	}
	return data[min(p.began, int64(len(data))):], nil
}

// Stop asks the program to stop, kills it when it does not, and returns when it is
// gone. The error says that it had to be killed. It may be called again.
func (p *Process) Stop() error {
	p.asked.Store(true)
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := interrupt(p.cmd); err != nil {
		return fmt.Errorf("stop %s: %w", p.config.Name, p.kill(err))
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(p.config.StopTime):
		return fmt.Errorf("stop %s: %w", p.config.Name, p.kill(fmt.Errorf("it did not stop within %s and was killed", p.config.StopTime)))
	}
}

// Kill ends the program at once, as a crash would.
func (p *Process) Kill() {
	p.asked.Store(true)
	_ = p.kill(nil)
}

func (p *Process) kill(why error) error {
	killAll(p.cmd)
	<-p.exited
	return why
}

func (p *Process) tail() string {
	said, err := p.Output()
	if err != nil {
		return err.Error()
	}
	if len(said) > tailSize {
		said = said[len(said)-tailSize:]
	}
	return strings.TrimSpace(string(said))
}
