package launch_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

func TestDaemonThatLeftTheGroupEndsWithItsPlugin(t *testing.T) {
	for _, name := range []string{"leaves a daemon behind", "leaves a daemon, then dies", "leaves a daemon and no line"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t)
			p, err := tr.start(t, "", name, 5*time.Second)
			pid := tr.child(t)
			if err == nil {
				if !alive(pid) {
					t.Fatal("the daemon ended before its plugin")
				}
				p.Stop()
			}
			gone(t, pid)
			if !strings.Contains(tr.log.String(), leftBehind) || strings.Count(tr.log.String(), "count=1") != 1 {
				t.Errorf("the log has no line about one process:\n%s", tr.log)
			}
		})
	}
}

func TestDaemonOfAnotherPluginStays(t *testing.T) {
	t.Parallel()
	one, two := newTrial(t), newTrial(t)
	kept := one.running(t, "leaves a daemon behind")
	pid := one.child(t)
	two.running(t, "leaves a daemon behind").Stop()
	if !alive(pid) {
		t.Error("the end of one plugin ended the daemon of another")
	}
	kept.Stop()
	gone(t, pid)
}

// hostBase is the variable with the run folder of the host that is killed.
const hostBase = "IDENTITYMESH_TEST_BASE"

// playHost starts a plugin that leaves a daemon behind, says which process that
// is, and waits to be killed.
func playHost() {
	folder, err := launch.OpenFolder(os.Getenv(hostBase))
	if err == nil {
		tr := trial{folder, new(logbook)}
		config, _ := tr.config("", "leaves a daemon behind")
		if _, err = launch.Start(context.Background(), config); err == nil {
			for pidLine.FindStringSubmatch(tr.log.String()) == nil {
				time.Sleep(5 * time.Millisecond)
			}
			fmt.Println(pidLine.FindStringSubmatch(tr.log.String())[1])
			select {}
		}
	}
	fmt.Println(err)
}

func TestNextHostEndsWhatThePluginsOfAKilledOneForked(t *testing.T) {
	t.Parallel()
	base := shortFolder(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), part+"=plays a host that is killed", hostBase+"="+base)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !alive(pid) {
		t.Fatal("the daemon ended with the host; this test is about one that does not")
	}
	folder, err := launch.OpenFolder(base)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	gone(t, pid)
	if left, _ := filepath.Glob(filepath.Join(base, "host-*")); len(left) != 1 || left[0] != folder.Path() {
		t.Errorf("the run folder has %v", left)
	}
	tr := trial{folder, new(logbook)}
	tr.running(t, "is of the SDK")
	if !strings.Contains(tr.log.String(), "plugins of a host that was killed had left processes behind") {
		t.Errorf("the log has no word about it:\n%s", tr.log)
	}
}
