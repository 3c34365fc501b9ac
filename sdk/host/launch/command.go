package launch

import (
	"bufio"
	"context"
	"io"
	"path/filepath"
	"slices"

	"github.com/identitymesh/identitymesh/sdk/host/launch/logline"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

// Command is a run of the plugin's file as a command, which does something and
// ends.
type Command struct {
	Args []string
	// Input is what it finds on standard input, which then stays open until it is
	// asked to stop.
	Input []byte
	// Line receives each line of its standard output, in order. Lines longer than
	// MaxLine end the reading.
	Line    func([]byte)
	MaxLine int
}

// Run verifies the file and runs it as a command, contained and logged as
// [Start] does. When ctx ends it is asked to stop, and killed if it does not. A
// wrong file is a [*HashError], a command that could not be started or that ended
// in another way than with code 0 a [*StartError].
func Run(ctx context.Context, c Config, run Command) error {
	c.Folder.tellOrphans(c.Logger)
	image, err := openVerified(c)
	if err != nil {
		return err
	}
	defer image.Close()
	log := logline.New(logline.Config{Logger: c.Logger, Now: c.Now})
	p := prepare(c, run, log)
	p.cmd = command(image)
	p.cmd.Args = append(p.cmd.Args, run.Args...)
	// What it forks is known by the folder, as with a plugin's process.
	p.cmd.Env = slices.Concat(c.Environment, []string{handshake.EnvFolder + "=" + p.place})
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return refused(image, err)
	}
	// Ends when the process does, which closes the pipe.
	go func() { _, _ = p.stdin.Write(run.Input) }()
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.hangUp()
		if !wait(p.ended, LeaveWait) {
			_ = p.kill()
			wait(p.ended, KillWait)
		}
		return ctx.Err()
	}
	if p.exit == nil {
		return nil
	}
	return &StartError{Path: c.Path, Why: p.exitText(), LastLines: log.Last(), Cause: p.exit}
}

func prepare(c Config, run Command, log *logline.Reader) *process {
	return &process{
		logger: c.Logger, ended: make(chan struct{}),
		place:      filepath.Join(c.Folder.Path(), "command-"+randomName()),
		readStderr: log.Read,
		readStdout: func(stdout io.Reader) {
			lines := bufio.NewScanner(stdout)
			lines.Buffer(nil, run.MaxLine)
			for lines.Scan() {
				run.Line(lines.Bytes())
			}
			_, _ = io.Copy(io.Discard, stdout)
		},
	}
}
