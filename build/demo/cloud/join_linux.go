package cloud

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// JoinConfig of [Join].
type JoinConfig struct {
	// Settings is the file of the running demo, and Bin the folder of its programs,
	// which comes first in PATH.
	Settings, Bin string
	// Command to run; the user's shell when it is empty.
	Command []string
}

// Join becomes a command that sees what the demo's programs see: the names that lead
// to the vault, and the variables to sign in with. It returns only with an error.
func Join(c JoinConfig) error {
	settings, err := filepath.Abs(c.Settings)
	if err != nil {
		return err
	}
	bin, err := filepath.Abs(c.Bin)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("only root can join the demo, which runs as root")
	}
	pid, environ, err := find(settings)
	if err != nil {
		return err
	}
	command := c.Command
	if len(command) == 0 {
		command = []string{"/bin/sh"}
		if shell := os.Getenv("SHELL"); shell != "" {
			command[0] = shell
		}
	}
	env := append(ours(environ), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	program := command[0]
	if !strings.Contains(program, "/") {
		if own := filepath.Join(bin, program); isFile(own) {
			program = own
		} else if program, err = exec.LookPath(program); err != nil {
			return err
		}
	}
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	if err != nil {
		return fmt.Errorf("join the demo: %w", err)
	}
	defer namespace.Close()
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	// What is joined is this thread's; exec makes it the whole process's.
	runtime.LockOSThread()
	if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNS), unix.Chdir(here)); err != nil {
		return fmt.Errorf("join the demo: %w", err)
	}
	return unix.Exec(program, command, env)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// find returns the demo's Admin API, and its environment.
func find(settings string) (pid int, environ []string, err error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, nil, err
	}
	for _, file := range lines {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		args := strings.Split(string(line), "\x00")
		if len(args) < 3 || filepath.Base(args[0]) != "identitymesh-adminapi" || args[1] != "--config" || args[2] != settings {
			continue
		}
		if _, err := fmt.Sscanf(file, "/proc/%d/cmdline", &pid); err != nil {
			return 0, nil, err
		}
		raw, err := os.ReadFile(filepath.Join(filepath.Dir(file), "environ"))
		if err != nil {
			return 0, nil, err
		}
		for _, variable := range bytes.Split(raw, []byte{0}) {
			environ = append(environ, string(variable))
		}
		return pid, environ, nil
	}
	return 0, nil, fmt.Errorf("no demo runs with %s; start it with \"make up\"", settings)
}

// ours is this process's environment, with what the demo's programs have for the
// cloud.
func ours(demo []string) []string {
	cloud := func(variable string) bool {
		for _, prefix := range []string{"AZURE_", "RUNTIME_DIRECTORY=", "SSL_CERT_FILE=", "NO_PROXY=", "no_proxy="} {
			if strings.HasPrefix(variable, prefix) {
				return true
			}
		}
		return false
	}
	var out []string
	for _, v := range os.Environ() {
		if !cloud(v) && !strings.HasPrefix(v, "PATH=") {
			out = append(out, v)
		}
	}
	for _, v := range demo {
		if cloud(v) {
			out = append(out, v)
		}
	}
	return out
}
