package launch

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// StartError is a file that could not be run, or a process that did not become a
// plugin.
type StartError struct {
	Path string
	// Why in words for operators, with the next step, and the last lines that the
	// process wrote.
	Why       string
	LastLines []string
	// Permanent: another try would fail in the same way. The file does not exist,
	// may not be run, is made for another system, is no plugin, or speaks a protocol
	// or a major that this host does not. Everything else may pass: a process that
	// ended or was too slow.
	Permanent bool
	// Unborn: the system made no process of the file. When that is not Permanent, it
	// says more about the machine, which has too much to do, than about the file.
	Unborn bool
	Cause  error
}

func (e *StartError) Error() string {
	text := fmt.Sprintf("start plugin %s: %s", e.Path, e.Why)
	if n := len(e.LastLines); n > 0 {
		text += "; its last output was: " + strings.Join(e.LastLines[max(0, n-3):], " | ")
	}
	return text
}

func (e *StartError) Unwrap() error { return e.Cause }

// cannotOpen is a file that cannot even be read.
func cannotOpen(path string, err error) error {
	e := &StartError{Path: path, Why: err.Error(), Cause: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Why, e.Permanent = "the file does not exist; install it or correct the path", true
	case errors.Is(err, fs.ErrPermission):
		e.Why, e.Permanent = "this process may not read the file; give its user the right to read and execute it", true
	}
	return e
}

// refused is a file that the system did not run.
func refused(image *os.File, err error) error {
	e := &StartError{Path: image.Name(), Unborn: true, Cause: err}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Why, e.Permanent = "this process may not execute the file; give its user the right to, and see that its file system is not mounted noexec", true
	case otherFormat(err):
		e.Why, e.Permanent = fmt.Sprintf("this system cannot run it: it is %s, this is %s/%s; install the build for this system",
			kindOf(image), runtime.GOOS, runtime.GOARCH), true
	case errors.Is(err, exec.ErrNotFound): // the file itself is open
		e.Why, e.Permanent = "its name must end as that of a program does here, as in .exe; rename it and correct the path", true
	case errors.Is(err, fs.ErrNotExist):
		// The file itself is open; what is missing is what it names.
		e.Why, e.Permanent = "the interpreter or loader that the file names does not exist; install it, or a build that needs none", true
	default:
		e.Why = err.Error()
		if imagePath != "" { // the system names the file as it was handed over; operators know its path
			e.Why = strings.ReplaceAll(e.Why, imagePath, image.Name())
		}
	}
	return e
}

// failed is a process that ran and did not become a plugin.
func (p *Process) failed(path string, err error) error {
	var lasting *permanent
	return &StartError{
		Path: path, Why: err.Error() + "; " + p.process.exitText(), LastLines: p.log.Last(),
		Permanent: errors.As(err, &lasting), Cause: err,
	}
}

// kindOf says what a file is that cannot be run here.
func kindOf(image io.ReaderAt) string {
	if f, err := elf.NewFile(image); err == nil {
		return fmt.Sprintf("a program for Linux on %s", strings.ToLower(strings.TrimPrefix(f.Machine.String(), "EM_")))
	}
	if f, err := pe.NewFile(image); err == nil {
		machines := map[uint16]string{
			pe.IMAGE_FILE_MACHINE_AMD64: "x86_64", pe.IMAGE_FILE_MACHINE_ARM64: "aarch64", pe.IMAGE_FILE_MACHINE_I386: "386",
		}
		if machine := machines[f.Machine]; machine != "" {
			return "a program for Windows on " + machine
		}
		return "a program for Windows"
	}
	if f, err := macho.NewFile(image); err == nil {
		return fmt.Sprintf("a program for macOS on %s", strings.ToLower(strings.TrimPrefix(f.Cpu.String(), "Cpu")))
	}
	return "no program"
}
