package launch_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

func TestWhatThePluginForkedEndsWithIt(t *testing.T) {
	for name, c := range map[string]struct {
		part string
		end  func(*testing.T, *launch.Process)
	}{
		"when it is stopped":                 {"has a grandchild", func(_ *testing.T, p *launch.Process) { p.Stop() }},
		"when it is killed":                  {"has a grandchild", func(t *testing.T, p *launch.Process) { kill(t, p.PID()) }},
		"when it dies before it is a plugin": {"has a grandchild, then dies", nil},
		"when it never is a plugin":          {"has a grandchild and no line", nil},
		"when it asked to leave the job":     {"wants its child outside of the job", func(_ *testing.T, p *launch.Process) { p.Stop() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t)
			p, err := tr.start(t, "", c.part, 10*time.Second)
			if (err == nil) != (c.end != nil) {
				t.Fatalf("%v\n%s", err, tr.log)
			}
			if c.part == "wants its child outside of the job" && strings.Contains(tr.log.String(), "not born") {
				return // so Windows says; others make the child and keep it in the job
			}
			pid := tr.child(t)
			if err == nil {
				if !alive(pid) {
					t.Fatal("it ended before its plugin")
				}
				c.end(t, p)
			}
			gone(t, pid)
		})
	}
}

// playHost starts a plugin with a grandchild, says which processes these are, and
// waits to be killed.
func playHost() {
	folder, err := launch.OpenFolder(os.Getenv(hostBase))
	if err == nil {
		tr := trial{folder, new(logbook)}
		config, _ := tr.config("", "has a grandchild")
		var p *launch.Process
		if p, err = launch.Start(context.Background(), config); err == nil {
			for pidLine.FindStringSubmatch(tr.log.String()) == nil {
				time.Sleep(5 * time.Millisecond)
			}
			fmt.Println(p.PID(), pidLine.FindStringSubmatch(tr.log.String())[1])
			select {}
		}
	}
	fmt.Println(err)
}

// hostBase is the variable with the run folder of the host that is killed.
const hostBase = "IDENTITYMESH_TEST_BASE"

func TestPluginAndWhatItForkedEndWithAKilledHost(t *testing.T) {
	t.Parallel()
	base := shortFolder(t)
	cmd := other("plays a host that is killed")
	cmd.Env = append(cmd.Env, hostBase+"="+base)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var plugin, grandchild int
	if _, err := fmt.Fscan(out, &plugin, &grandchild); err != nil {
		t.Fatal(err)
	}
	if !alive(plugin) || !alive(grandchild) {
		t.Fatal("they ended before their host")
	}
	_ = cmd.Process.Kill() // TerminateProcess: the host does nothing any more
	_ = cmd.Wait()
	gone(t, plugin)
	gone(t, grandchild)
	folder, err := launch.OpenFolder(base)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if left, _ := filepath.Glob(filepath.Join(base, "host-*")); len(left) != 1 || left[0] != folder.Path() {
		t.Errorf("the next host left %v, its own is %s", left, folder.Path())
	}
}

func TestPluginListensOnALoopbackPortOfTheHostsRange(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	config, err := tr.config("", "is of the SDK")
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	config.Stdout = &stdout
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p, err := launch.Start(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := info(t, p); err != nil {
		t.Error(err)
	}
	p.Stop() // then nobody writes to the buffer any more
	line, err := handshake.Parse(stdout.String())
	if err != nil {
		t.Fatalf("%v: %q", err, &stdout)
	}
	at, err := netip.ParseAddrPort(line.Address)
	if err != nil || line.Network != "tcp" || at.Addr().String() != "127.0.0.1" || at.Port() < handshake.MinPort || at.Port() > handshake.MaxPort {
		t.Errorf("it listens at %s %s", line.Network, line.Address)
	}
}

func TestFileOfARunningPluginCannotBeChanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plugin.exe")
	copyFile(t, os.Args[0], path)
	tr := newTrial(t)
	p, err := tr.start(t, path, "is of the SDK", 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("other"), 0o700); err == nil {
		t.Error("it was written")
	}
	if err := os.Remove(path); err == nil {
		t.Error("it was removed")
	}
	if _, err := info(t, p); err != nil {
		t.Error(err)
	}
	p.Stop()
	if err := os.Remove(path); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}
