package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Member is a running process. Its number alone could be given to another one.
type Member struct {
	PID   int
	began string
}

// Alive reports whether that process still runs.
func (m Member) Alive() bool {
	s, err := readStat(m.PID)
	return err == nil && s.began == m.began && !s.ended
}

// Family returns the process and all it started, directly or not, as far as those
// in between still run.
func Family(pid int) ([]Member, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	all := make(map[int]stat)
	for _, dir := range dirs {
		id, err := strconv.Atoi(dir.Name())
		if err != nil {
			continue
		}
		s, err := readStat(id)
		switch {
		case err == nil && !s.ended:
			all[id] = s
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH):
			return nil, fmt.Errorf("list the processes: %w", err)
		}
	}
	var family []Member
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		s, runs := all[queue[0]]
		if !runs {
			continue
		}
		family = append(family, Member{PID: queue[0], began: s.began})
		for id, other := range all {
			if other.parent == queue[0] {
				queue = append(queue, id)
			}
		}
	}
	return family, nil
}

// CommandLine returns files that hold the arguments and the environment of the
// process.
func (m Member) CommandLine() []string {
	dir := filepath.Join("/proc", strconv.Itoa(m.PID))
	return []string{filepath.Join(dir, "cmdline"), filepath.Join(dir, "environ")}
}

type stat struct {
	parent int
	began  string
	ended  bool
}

// readStat reads what proc_pid_stat(5) describes. The name of the program, in
// brackets, may hold anything.
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	// Of the fields behind the name, the first is the state, the second the parent,
	// and the twentieth the time of the start.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("the state of process %d has %d fields", pid, len(fields))
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return stat{parent: parent, began: string(fields[19]), ended: slices.Contains([]string{"Z", "X"}, string(fields[0]))}, err
}
