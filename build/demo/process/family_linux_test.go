package process_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/process"
)

func TestAFamilyIsEverybodyBelowAndDies(t *testing.T) {
	p := start(t, `(sleep 60 & echo child; wait) & echo parent; wait`)
	ready := func(text string) {
		if err := p.WaitReady(within(t, 5*time.Second), process.Says(text)); err != nil {
			t.Fatal(err)
		}
	}
	ready("parent")
	ready("child")
	family, err := process.Family(p.PID())
	if err != nil || len(family) != 3 || family[0].PID != p.PID() {
		t.Fatalf("got %v, %v", family, err)
	}
	var lines []string
	for _, m := range family {
		if !m.Alive() {
			t.Errorf("%d is not alive", m.PID)
		}
		line, err := os.ReadFile(m.CommandLine()[0])
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
	}
	if lines[2] != "sleep 60 " {
		t.Errorf("the command lines are %q", lines)
	}
	p.Kill() // the whole group
	for _, m := range family {
		gone(t, m.PID)
		if m.Alive() {
			t.Errorf("%d counts as alive", m.PID)
		}
	}
	if family, err := process.Family(p.PID()); err != nil || len(family) != 0 {
		t.Errorf("afterwards: %v, %v", family, err)
	}
}
