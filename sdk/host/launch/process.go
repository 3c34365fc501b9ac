package launch

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
)

// process is the operating system's side of a plugin: what is started, contained,
// watched and ended.
type process struct {
	cmd     *exec.Cmd
	place   string // the folder of its socket, which goes with it
	running bool   // it was started; set before start returns
	logger  *slog.Logger
	// readStdout and readStderr take in the two until their end.
	readStdout, readStderr func(io.Reader)

	stdin *os.File // our end of the lifeline
	ended chan struct{}
	exit  error // set before ended is closed

	mu      sync.Mutex
	contain containment
	over    bool // contain was released and may name something else by now
}

// start runs the command. The thread that starts it is kept until the process
// ends, because on Linux the parent-death signal follows the thread, not the
// process.
func (p *process) start() error {
	var mine, its [3]*os.File
	closeAll := func(files ...*os.File) {
		for _, f := range files {
			_ = f.Close() // a nil *os.File only says that it is none
		}
	}
	for i := range mine {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(append(mine[:], its[:]...)...)
			return err
		}
		mine[i], its[i] = r, w
	}
	mine[0], its[0] = its[0], mine[0] // stdin goes the other way
	p.stdin, p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = mine[0], its[0], its[1], its[2]

	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		closeAll(its[:]...)
		if err == nil {
			if p.contain, err = contain(p.cmd.Process); err != nil {
				_ = p.cmd.Process.Kill()
				_ = p.cmd.Wait()
			}
		}
		started <- err
		if err == nil {
			p.watch(mine[1], mine[2])
		}
	}()
	if err := <-started; err != nil {
		closeAll(mine[:]...)
		return err
	}
	p.running = true
	return nil
}

// watch reads the process's output, waits for its end and removes all that is
// left of it.
func (p *process) watch(stdout, stderr *os.File) {
	read := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() { p.readStdout(stdout) })
	readers.Go(func() { p.readStderr(stderr) })
	go func() { defer close(read); readers.Wait() }()

	// As long as the process was not collected, no other one can have its ids.
	awaitExit(p.cmd.Process)
	_ = p.kill() // what it left in its group
	p.mu.Lock()
	p.contain.release()
	p.over = true
	p.mu.Unlock()
	p.exit = p.cmd.Wait()
	if n := endEscaped(p.place, p.cmd.Process.Pid); n > 0 {
		p.logger.Warn("plugin left processes behind outside of its group, which had to be ended", "count", n)
	}
	wait(read, PipeGrace) // what it wrote last says why it died
	for _, f := range []*os.File{p.stdin, stdout, stderr} {
		_ = f.Close()
	}
	_ = os.RemoveAll(p.place)
	close(p.ended)
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
