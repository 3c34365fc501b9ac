package store_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// The tests of this file run this test binary again as further processes that
// share a SQLite file; the variable says what such a process does.
const childVariable = "IDENTITYMESH_TEST_CHILD"

const killedStatus = 42

// child runs the test called name in another process, with folder as its input,
// to be started.
func child(t *testing.T, name, folder string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(soon(t), os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"="+folder)
	cmd.Stdout = &bytes.Buffer{}
	cmd.Stderr = cmd.Stdout
	return cmd
}

func isChild() (backend, bool) {
	folder := os.Getenv(childVariable)
	return backend{"SQLite", productdb.Config{DataFolder: folder}}, folder != ""
}

func TestAProcessThatIsKilledWithinAPageLeavesThePageBefore(t *testing.T) {
	b, inChild := isChild()
	if inChild {
		f := b.open(t)
		c := f.running(t, store.Delta)
		i := f.begin(t, c)
		must1(i.Stage(t.Context(), store.Batch{Objects: people(5), Checkpoint: "w1"}))(t)
		n := 0
		f.tally.onInsert = func() {
			if n++; n == 3 {
				os.Exit(killedStatus)
			}
		}
		_, err := i.Stage(t.Context(), store.Batch{Objects: people(5000), Checkpoint: "w2"})
		t.Fatal("the process survived: ", err)
	}
	b.db.DataFolder = t.TempDir()
	cmd := child(t, t.Name(), b.db.DataFolder)
	_ = cmd.Run()
	if cmd.ProcessState.ExitCode() != killedStatus {
		t.Fatalf("the child ended with %d: %s", cmd.ProcessState.ExitCode(), cmd.Stdout)
	}
	f := b.open(t)
	runs := must1(f.ListRuns(t.Context(), store.RunFilter{Status: store.Running}, 10))(t)
	if len(runs) != 1 {
		t.Fatalf("runs: %+v", runs)
	}
	c := store.Claimed{Run: runs[0], Connector: must1(f.Connector(t.Context(), runs[0].ConnectorID))(t)}
	f.stillAtPageOne(t, c)

	// Started again, the instance cleans up and goes on from the checkpoint.
	if n := must1(f.InterruptOrphans(t.Context(), runs[0].Instance, "2"))(t); n != 1 {
		t.Errorf("%d orphans", n)
	}
	again := f.runAgain(t, c.Connector, store.Delta)
	if since := f.begin(t, again).Since(); since != "w1" {
		t.Errorf("the next run begins at %q", since)
	}
}

func TestProcessesThatStartTogetherMigrateOnce(t *testing.T) {
	b, inChild := isChild()
	if inChild {
		b.open(t)
		return
	}
	folder := t.TempDir()
	var children []*exec.Cmd
	for range 4 {
		cmd := child(t, t.Name(), folder)
		must(t, cmd.Start())
		children = append(children, cmd)
	}
	for _, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, cmd.Stdout)
		}
	}
	b.db.DataFolder = folder
	f := b.open(t)
	var applied int
	must(t, f.DB().Read.QueryRow("SELECT COUNT(*) FROM IM_EngineSchema WHERE version_id = 1").Scan(&applied))
	if applied != 1 {
		t.Errorf("the first migration was applied %d times", applied)
	}
}
