//go:build linux || windows

package launch_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var pidLine = regexp.MustCompile(`line=(\d+)`)

// child is the process whose id a part wrote to its log.
func (tr trial) child(t *testing.T) int {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if m := pidLine.FindStringSubmatch(tr.log.String()); m != nil {
			pid, _ := strconv.Atoi(m[1])
			return pid
		}
		if time.Now().After(end) {
			t.Fatalf("no child: %s", tr.log)
		}
	}
}

func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d outlives its plugin", pid)
		}
	}
}

const leftBehind = "plugin left processes behind outside of its group"

func TestChildrenWithinTheGroupEndWithoutAWord(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	p := tr.running(t, "has ordinary children")
	pid := tr.child(t)
	p.Stop()
	gone(t, pid)
	if strings.Contains(tr.log.String(), leftBehind) {
		t.Errorf("the log says\n%s", tr.log)
	}
}
