package sqltest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// owner is the user a server runs as: a system user in the place of root, which
// the servers refuse.
type owner struct {
	other    bool
	uid, gid uint32
}

func newOwner(instead string) (owner, error) {
	if os.Getuid() != 0 {
		return owner{}, nil
	}
	u, err := user.Lookup(instead)
	if err != nil {
		return owner{}, fmt.Errorf("sqltest: root cannot run the server itself: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return owner{}, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return owner{}, err
	}
	return owner{other: true, uid: uint32(uid), gid: uint32(gid)}, nil
}

// apply makes the command run as the owner and get a signal when the thread that
// starts it ends.
func (o owner) apply(cmd *exec.Cmd, orphaned syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: orphaned}
	if o.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
}

func (o owner) give(path string) error {
	if !o.other {
		return nil
	}
	return os.Chown(path, int(o.uid), int(o.gid))
}

func end(p *os.Process, crash syscall.Signal) { _ = p.Signal(crash) }
