package migrate_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/build/demo"
	"github.com/identitymesh/identitymesh/build/demo/canary"
	"github.com/identitymesh/identitymesh/build/demo/cloud"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// world is a running product with a connector that runs every second, its secrets in
// this host's own store, and an empty vault.
type world struct {
	*testing.T
	demo   *demo.Demo
	cloud  *cloud.Cloud
	folder string
	db     *store.Store
	// newest value of each ref, and all there ever were.
	newest map[secret.Ref]string
	values []string
	said   bytes.Buffer
}

func newWorld(t *testing.T) *world {
	need(t)
	w := &world{T: t, newest: map[secret.Ref]string{}}
	var err error
	// A short path: a socket's name has to fit behind it.
	if w.folder, err = os.MkdirTemp("/tmp", "im-m-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(w.folder) })
	if w.cloud, err = cloud.Start(t.Context(), cloud.Config{Program: filepath.Join(bin, "fakevault"), Address: cloudAddress}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cloud.Stop() })
	password := w.value(demo.PasswordRef)
	if w.demo, err = demo.Start(t.Context(), demo.Config{
		Bin: bin, Folder: w.folder, Cloud: w.cloud, Provider: catalog.DPAPI, Listen: loopbacktest.Address(t), DirectoryListen: "127.0.0.1:0",
		Password: password, Interval: 24 * time.Hour, Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Progress: t.Logf,
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.demo.Stop(); err != nil {
			t.Error(err)
		}
	})
	if w.db, err = store.Open(t.Context(), store.Config{DB: productdb.Config{DataFolder: filepath.Join(w.folder, "data")}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.runEverySecond()
	return w
}

// runEverySecond asks for a run of the connector with the password, until the test
// ends. Schedules do not go that fast.
func (w *world) runEverySecond() {
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			_, _, err := w.db.Enqueue(ctx, store.NewRun{ConnectorID: w.demo.DirectoryConnector.ID, Kind: store.Delta, Trigger: store.Manual, RequestedBy: "test"})
			if err != nil && ctx.Err() == nil {
				w.Errorf("ask for a run: %v", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	w.Cleanup(func() { cancel(); running.Wait() })
}

// value makes a new value of ref.
func (w *world) value(ref secret.Ref) string {
	v := "canary-" + rand.Text()
	w.newest[ref] = v
	w.values = append(w.values, v)
	return v
}

// set sets ref as an operator does, in the store that the Admin API uses.
func (w *world) set(ref secret.Ref) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	if err := w.demo.API.SetSecret(ctx, string(ref), w.value(ref)); err != nil {
		w.Fatal(err)
	}
}

func (w *world) settings() string { return filepath.Join(w.folder, "appsettings.json") }

func (w *world) environ() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AZURE_") && !strings.Contains(strings.SplitN(v, "=", 2)[0], "__") {
			out = append(out, v)
		}
	}
	return append(out, w.cloud.Environment()...)
}

// tool is a started identitymesh-migrate.
type tool struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func (w *world) start(args ...string) *tool {
	w.Helper()
	x := &tool{cmd: exec.Command(filepath.Join(bin, "identitymesh-migrate"), append([]string{"--config", w.settings()}, args...)...)}
	x.cmd.Env, x.cmd.Stdout, x.cmd.Stderr = w.environ(), &x.out, &x.out
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := x.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	return x
}

// do runs a command to its end, and expects an exit code; any when it is negative.
func (w *world) do(code int, args ...string) string {
	w.Helper()
	x := w.start(args...)
	_ = x.cmd.Wait()
	w.said.Write(x.out.Bytes())
	if got := x.cmd.ProcessState.ExitCode(); code >= 0 && got != code {
		w.Fatalf("%s ended with %d, not %d:\n%s", args, got, code, &x.out)
	}
	return x.out.String()
}

// killed runs a command again and again, and kills it at its first record, then at
// its second, and so on, until it comes to its end by itself. between is called after
// each kill.
func (w *world) killed(between func(), args ...string) {
	w.Helper()
	for n := int64(1); ; n++ {
		if n > 200 {
			w.Fatalf("%s does not come to an end", args)
		}
		base := w.records()
		x := w.start(args...)
		ended := make(chan struct{})
		go func() { _ = x.cmd.Wait(); close(ended) }()
		over := false
		for !over && w.records() < base+n {
			select {
			case <-ended:
				over = true
			case <-time.After(time.Millisecond):
			}
		}
		if !over {
			_ = x.cmd.Process.Kill()
			<-ended
		}
		w.said.Write(x.out.Bytes())
		if code := x.cmd.ProcessState.ExitCode(); over && code != 0 {
			w.Fatalf("%s ended with %d:\n%s", args, code, &x.out)
		}
		if over {
			w.Logf("%s: %d kills", args, n-1)
			return
		}
		between()
	}
}

// records is how many the ledger has.
func (w *world) records() int64 { return w.ledger("SELECT seq FROM head") }

// soaking waits until every secret that was switched soaks.
func (w *world) soaking() {
	w.Helper()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if w.ledger("SELECT COUNT(*) FROM refs WHERE state = 'soaking'") > 0 && w.ledger("SELECT COUNT(*) FROM refs WHERE state = 'switched'") == 0 {
			return
		}
	}
	w.Fatal("the soak does not begin")
}

// ledger returns a number that the ledger has.
func (w *world) ledger(query string) (n int64) {
	path := filepath.Join(w.folder, "migration.db")
	if _, err := os.Stat(path); err != nil {
		return 0
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	_ = db.QueryRow(query).Scan(&n) // it may be just being made
	return n
}

// runs returns how those ended that were asked for so far.
func (w *world) runs() (succeeded int, other []store.Run) {
	w.Helper()
	for before := int64(0); ; {
		page, err := w.db.ListRuns(w.Context(), store.RunFilter{Before: before}, 500)
		if err != nil {
			w.Fatal(err)
		}
		for _, r := range page {
			before = r.Seq
			switch r.Status {
			case store.Succeeded:
				succeeded++
			case store.Queued, store.Running:
			default:
				other = append(other, r)
			}
		}
		if len(page) < 500 {
			return succeeded, other
		}
	}
}

// read reads every ref from the store that is in force by the settings file.
func (w *world) read(provider string) map[secret.Ref]string {
	w.Helper()
	s, problems := appsettings.Load(appsettings.Options{File: w.settings(), Environ: w.environ()})
	o := catalog.Options{Executable: filepath.Join(bin, "identitymesh-engine"), Environ: w.environ()}
	inForce, more := catalog.Choose(s, o)
	if problems.Append("", more); problems.HasErrors() || provider != "" && inForce.Provider != provider {
		w.Fatalf("%s is in force, %v", inForce.Provider, problems)
	}
	r, err := host.OpenResolver(host.Config{Choice: inForce, DataFolder: s.Product.DataFolder, Environ: w.environ(),
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider()})
	if err != nil {
		w.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	got := map[secret.Ref]string{}
	for ref := range w.newest {
		v, err := r.Get(ctx, ref, secret.Current)
		if err != nil {
			w.Errorf("%s cannot be read from %s: %v", ref, inForce.Provider, err)
			continue
		}
		got[ref] = string(v.Value.Reveal())
		v.Value.Wipe()
	}
	return got
}

// holds expects the newest value of every ref in the store that is in force.
func (w *world) holds(provider string) {
	w.Helper()
	got := w.read(provider)
	for ref, want := range w.newest {
		if got[ref] != want {
			w.Errorf("%s does not have its newest value in %s", ref, provider)
		}
	}
}

// leaksNothing looks for every value that there ever was in all that was written.
func (w *world) leaksNothing() {
	w.Helper()
	var running sync.WaitGroup
	for _, v := range w.values {
		running.Go(func() {
			found, err := canary.Find(v, w.folder)
			if err != nil || len(found) > 0 {
				w.Errorf("a value is in %v, %v", found, err)
			}
			if strings.Contains(w.said.String(), v) {
				w.Error("a value was printed")
			}
		})
	}
	running.Wait()
}

func ref(n int) secret.Ref { return secret.Ref(fmt.Sprintf("secret://app/%d/password", n)) }
