package conformance

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// socket is one that a process has open.
type socket struct {
	kind          string // unix, tcp, tcp6, udp or udp6
	local, remote string
	listening     bool
}

// socketsOf reads them from /proc, see proc(5).
func socketsOf(pid int) ([]socket, error) {
	mine, err := inodes(pid)
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	var all []socket
	for _, kind := range []string{"unix", "tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open(fmt.Sprintf("/proc/%d/net/%s", pid, kind))
		if os.IsNotExist(err) {
			continue // no IPv6
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			s, inode, ok := parseSocket(kind, strings.Fields(lines.Text()))
			if ok && mine[inode] {
				all = append(all, s)
			}
		}
		_ = f.Close()
	}
	return all, nil
}

// inodes are the numbers of the sockets among the open files.
func inodes(pid int) (map[string]bool, error) {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, f := range files {
		target, err := os.Readlink(folder + "/" + f.Name())
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			out[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return out, nil
}

func parseSocket(kind string, fields []string) (s socket, inode string, ok bool) {
	s.kind = kind
	if kind == "unix" {
		// Num RefCount Protocol Flags Type St Inode Path
		if len(fields) < 7 || fields[0] == "Num" {
			return s, "", false
		}
		s.listening = fields[3] == "00010000" // __SO_ACCEPTCON
		if len(fields) > 7 {
			s.local = fields[7]
		}
		return s, fields[6], true
	}
	// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
	if len(fields) < 10 || fields[0] == "sl" {
		return s, "", false
	}
	s.local, s.remote = address(fields[1]), address(fields[2])
	s.listening = strings.HasPrefix(kind, "tcp") && fields[3] == "0A"
	return s, fields[9], true
}

// address reads the form of /proc/net: words in the order of the machine's bytes.
func address(text string) string {
	ip, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(ip)
	n, _ := strconv.ParseUint(port, 16, 16)
	if err != nil || len(raw)%4 != 0 {
		return text
	}
	for word := 0; word < len(raw); word += 4 {
		slices.Reverse(raw[word : word+4])
	}
	return net.JoinHostPort(net.IP(raw).String(), strconv.FormatUint(n, 10))
}

// watchConnections looks at a process again and again until the function that it
// returns is called, which says to where the process was connected over a
// network. A connection of less than a millisecond may be missed.
func watchConnections(pid int) (stop func() []string, err error) {
	if _, err := inodes(pid); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	over := make(chan struct{})
	var wg sync.WaitGroup
	look := func() {
		all, err := socketsOf(pid)
		if err != nil {
			return // it is gone
		}
		for _, s := range all {
			_, port, _ := net.SplitHostPort(s.remote)
			if s.kind != "unix" && port != "0" {
				found[s.kind+" "+s.remote] = true
			}
		}
	}
	wg.Go(func() {
		for {
			look()
			select {
			case <-over:
				look()
				return
			case <-time.After(500 * time.Microsecond):
			}
		}
	})
	return func() []string {
		close(over)
		wg.Wait()
		var out []string
		for c := range found {
			out = append(out, c)
		}
		slices.Sort(out)
		return out
	}, nil
}
