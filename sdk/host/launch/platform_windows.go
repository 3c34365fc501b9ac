package launch

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

const (
	socketsAreFiles = false
	imagePath       = "" // files run under their own path
)

// openImage opens the file so that nobody can write or replace it for as long
// as it stays open.
func openImage(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil,
		windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// heldBack: the process runs nothing until it is contained, or what it forks first
// could stay outside.
const heldBack = windows.CREATE_SUSPENDED

// command runs the file by its path, which the open handle keeps from changing
// until the process exists.
func command(image *os.File) *exec.Cmd {
	cmd := exec.Command(image.Name())
	cmd.SysProcAttr = &windows.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | heldBack, HideWindow: true}
	return cmd
}

// containment is a Job Object: closing its last handle, which the system does
// when the host ends, ends everything in it. Nothing leaves it, because the right
// to do so has to be given.
type containment struct{ job windows.Handle }

func contain(p *os.Process) (containment, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return containment{}, fmt.Errorf("create a job object: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	if _, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err == nil {
		err = assign(job, p.Pid)
	}
	if err == nil {
		err = letGo(p.Pid)
	}
	if err != nil {
		_ = windows.CloseHandle(job)
		// Not wrapped, because it says nothing about the file.
		return containment{}, fmt.Errorf("put the plugin into a job object: %v", err)
	}
	return containment{job}, nil
}

func assign(job windows.Handle, pid int) error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return windows.AssignProcessToJobObject(job, h)
}

// letGo lets the process run that was held back. Its thread has to be looked for,
// because Go keeps no handle of it.
func letGo(pid int) error {
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(all)
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	found := errors.New("it has no thread")
	for err = windows.Thread32First(all, &entry); err == nil; err = windows.Thread32Next(all, &entry) {
		if entry.OwnerProcessID == uint32(pid) {
			found = resume(entry.ThreadID)
		}
	}
	return found
}

func resume(thread uint32) error {
	h, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, thread)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	_, err = windows.ResumeThread(h)
	return err
}

func (c containment) kill() error {
	if c.job == 0 {
		return nil
	}
	return windows.TerminateJobObject(c.job, 1)
}

func (c containment) release() {
	if c.job != 0 {
		_ = windows.CloseHandle(c.job)
	}
}

// awaitExit returns when the process has ended; the command's own handle keeps its
// id from being given to another one.
func awaitExit(p *os.Process) {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(p.Pid))
	if err != nil {
		return // it has ended
	}
	defer windows.CloseHandle(h)
	_, _ = windows.WaitForSingleObject(h, windows.INFINITE)
}

// otherFormat reports whether a file was not run because it is not for this
// system.
func otherFormat(err error) bool {
	return errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) || errors.Is(err, windows.ERROR_EXE_MACHINE_TYPE_MISMATCH)
}

// checkAddress refuses whatever is not a port of the loopback that this host
// offered.
func checkAddress(network, address, _ string) error {
	at, err := netip.ParseAddrPort(address)
	if network != "tcp" || err != nil || at.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}) ||
		at.Port() < handshake.MinPort || at.Port() > handshake.MaxPort {
		return fmt.Errorf("a plugin must listen on 127.0.0.1, at a port from %d to %d", handshake.MinPort, handshake.MaxPort)
	}
	return nil
}

// endEscaped has nothing to do: nothing leaves a Job Object.
func endEscaped(string, int) int { return 0 }

// checkPrivate has nothing to check: on Windows the transport is loopback TCP
// with mutual TLS, and the folder holds no sockets.
func checkPrivate(string) error { return nil }
