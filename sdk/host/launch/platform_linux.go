package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	socketsAreFiles = true
	// imagePath is where the process finds its own file: its first descriptor
	// after stdin, stdout and stderr.
	imagePath = "/proc/self/fd/3"
)

// openImage does not wait for the other end of what turns out to be a named pipe.
func openImage(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// command runs the open file itself: the child finds it as its descriptor 3.
func command(image *os.File) *exec.Cmd {
	cmd := exec.Command(imagePath)
	cmd.Args = []string{image.Name()}
	cmd.ExtraFiles = []*os.File{image}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// A group of its own, so that what it forks can be ended with it and a
		// Ctrl-C at the terminal reaches only the host, which then drains it.
		Setpgid: true,
		// When the thread that started it dies, which only happens with the
		// host, so does the plugin; see process.start.
		Pdeathsig: syscall.SIGKILL,
	}
	return cmd
}

// containment ends a process and what it forked into its group.
type containment struct{ process *os.Process }

func contain(p *os.Process) (containment, error) { return containment{p}, nil }

// kill names the process beside its group, because a process can leave the group
// that it was started in.
func (c containment) kill() error {
	if err := syscall.Kill(-c.process.Pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("kill process group %d: %w", c.process.Pid, err)
	}
	if err := c.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", c.process.Pid, err)
	}
	return nil
}

func (c containment) release() {}

// awaitExit returns when the process has ended and was not collected yet.
func awaitExit(p *os.Process) {
	for unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// otherFormat reports whether a file was not run because it is not for this
// system.
func otherFormat(err error) bool { return errors.Is(err, syscall.ENOEXEC) }

// checkAddress refuses whatever is not a socket in the folder of this start.
func checkAddress(network, address, place string) error {
	if network != "unix" || !filepath.IsAbs(address) || filepath.Dir(address) != place || filepath.Clean(address) != address {
		return fmt.Errorf("a plugin must listen on a unix socket in the folder that it was given, %s", place)
	}
	info, err := os.Lstat(address)
	if err != nil {
		return fmt.Errorf("look at its socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("that is no socket")
	}
	return nil
}

// checkPrivate refuses a folder that somebody else owns or may enter.
func checkPrivate(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", path)
	case ok && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, this process runs as user %d", path, stat.Uid, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s has mode %04o; others must not enter it (chmod 0700)", path, info.Mode().Perm())
	}
	return nil
}
