package sqltest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// find returns the path of a program in PATH or, of the folders that match the
// patterns, the last one, which is the newest where they are named by version.
func find(program, debianPackage string, patterns ...string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		// Distributions have links of old names in PATH.
		return filepath.EvalSymlinks(path)
	}
	for _, pattern := range patterns {
		matches, err := filepath.Glob(filepath.Join(pattern, program))
		if err != nil {
			return "", err
		}
		if len(matches) > 0 {
			return slices.Max(matches), nil
		}
	}
	return "", &MissingError{Program: program, Package: debianPackage}
}

// run runs a program to its end; its output is part of the error.
func run(ctx context.Context, o owner, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	o.apply(cmd, 0) // bounded by ctx instead
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sqltest: %s: %w\n%s", filepath.Base(program), err, output)
	}
	return nil
}

// process is a server that runs.
type process struct {
	cmd             *exec.Cmd
	graceful, crash syscall.Signal
	done            chan struct{}
}

// startProcess starts a program that also ends when this process does. The
// system ties that to the thread that started it, so a thread is kept for it.
func startProcess(s setup, args []string, o owner, log *os.File) (*process, error) {
	p := &process{cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	p.graceful, p.crash = s.signals()
	p.cmd.Dir = "/"
	p.cmd.Stdout, p.cmd.Stderr = log, log
	o.apply(p.cmd, p.crash)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	return p, <-started
}

func (p *process) stop(patience time.Duration) {
	_ = p.cmd.Process.Signal(p.graceful)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
	}
}

// kill ends the server and all processes that it started.
func (p *process) kill() {
	end(p.cmd.Process, p.crash)
	<-p.done
}
