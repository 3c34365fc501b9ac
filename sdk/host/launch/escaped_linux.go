package launch

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

// maxEnviron bounds what is read of one process.
const maxEnviron = 8 << 20

// endEscaped ends the processes that a plugin forked and that left its process
// group, and returns how many there were. It knows them by the folder of the
// start in their environment, of which place is the beginning; one that was
// given another environment is not found. Those in group, 0 for none, are dying
// already.
func endEscaped(place string, group int) (n int) {
	mark := []byte(handshake.EnvFolder + "=" + place)
	done := map[int]bool{}
	for end := time.Now().Add(EscapeLimit); time.Now().Before(end); {
		before := n
		for _, pid := range processes() {
			if done[pid] || !marked(pid, mark) {
				continue
			}
			if its, err := syscall.Getpgid(pid); err == nil && its != group && endMarked(pid, mark) {
				done[pid] = true
				n++
			}
		}
		if n == before {
			break // nobody is left who could fork
		}
	}
	return n
}

func processes() (pids []int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// marked reports whether the mark begins a variable of the process. The
// environment of other users' processes cannot be read, that of an ended one is
// empty.
func marked(pid int, mark []byte) bool {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	defer f.Close()
	environ, _ := io.ReadAll(io.LimitReader(f, maxEnviron))
	return bytes.HasPrefix(environ, mark) || bytes.Contains(environ, append([]byte{0}, mark...))
}

// endMarked kills the process if it still is the one that has the mark: what
// os.FindProcess returns names that very process and no later one of the same id.
func endMarked(pid int, mark []byte) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	return marked(pid, mark) && p.Kill() == nil
}
