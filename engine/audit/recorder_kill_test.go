package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// childFolder makes this program one that records until it is killed.
const childFolder = "IDENTITYMESH_TEST_AUDIT_CHILD"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		child(folder)
		return
	}
	os.Exit(m.Run())
}

// child records numbers, as fast as they go, and says each before.
func child(folder string) {
	ctx := context.Background()
	db, err := productdb.Open(ctx, productdb.Config{DataFolder: folder})
	if err != nil {
		panic(err)
	}
	c := config(audit.On(db, nil), folder, &logtest.Buffer{})
	c.WriteLimit = impatient
	r, err := audit.OpenRecorder(ctx, c)
	if err != nil {
		panic(err)
	}
	for n := 1; ; n++ {
		fmt.Println(n)
		r.Record(audit.Entry{Actor: audit.System, Action: "test.count", Target: os.Getenv("IDENTITYMESH_TEST_AUDIT_NAME"), Detail: fmt.Sprint(n)}, "")
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
	}
}

// impatient is for logs that are away.
const impatient = 100 * time.Millisecond

// A process that is killed at any moment leaves a log in which what it recorded
// stands once each and in order, up to where it was killed.
func TestWhoIsKilledRecordsNothingTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	w := newWorld(t)
	said := map[string]int{}
	const lives = 8
	for life := range lives {
		name := fmt.Sprint("life ", life)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childFolder+"="+w.folder, "IDENTITYMESH_TEST_AUDIT_NAME="+name)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var reading sync.WaitGroup
		reading.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				said[name]++
			}
		})
		unlock := func() {}
		for range 3 {
			time.Sleep(time.Duration(rand.IntN(80)) * time.Millisecond)
			unlock = w.lock()
			time.Sleep(time.Duration(100+rand.IntN(150)) * time.Millisecond)
			if life%2 != 0 {
				break // it is killed while the log is away
			}
			unlock()
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		_ = cmd.Process.Kill()
		unlock()
		reading.Wait()
		_ = cmd.Wait()
	}
	r := w.record(config(w.Log, w.folder, &logtest.Buffer{}))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	seen, order := map[string]int{}, []string{}
	for _, x := range w.all() {
		if x.Action != "test.count" {
			continue
		}
		n := strings.TrimSuffix(x.Detail[strings.LastIndexAny(x.Detail, `:`)+1:], "}")
		if seen[x.Target]++; n != fmt.Sprint(seen[x.Target]) {
			t.Fatalf("%s: number %d is %s", x.Target, seen[x.Target], x.Detail)
		}
		if len(order) == 0 || order[len(order)-1] != x.Target {
			order = append(order, x.Target)
		}
	}
	total := 0
	for name, n := range seen {
		if total += n; n > said[name] {
			t.Errorf("%s said %d and recorded %d", name, said[name], n)
		}
	}
	if total < 20 || len(order) != len(seen) {
		t.Errorf("recorded %v of %v, in the order %v", seen, said, order)
	}
	if _, err := w.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// Killed behind the commit, before the file was emptied.
func TestWhatTheLogHasAlreadyIsNotTakenFromTheFileAgain(t *testing.T) {
	w := newWorld(t)
	c := config(w.Log, w.folder, &logtest.Buffer{})
	c.WriteLimit = impatient
	r := w.record(c)
	unlock := w.lock()
	for n := range 3 {
		r.Record(events(n), "")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	unlock()
	kept, err := os.ReadFile(c.File)
	if err != nil {
		t.Fatal(err)
	}
	c.WriteLimit = 5 * time.Second
	for range 2 {
		if err := w.record(c).Close(); err != nil {
			t.Fatal(err)
		}
		if list := w.all(); len(list) != 4 {
			t.Fatalf("the log has %d records", len(list))
		}
		if err := os.WriteFile(c.File, kept, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
