package dpapi_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// shelf is a data folder whose rows are read without a plugin in between.
type shelf struct {
	t      *testing.T
	folder string
	table  *rows.Table
}

func name(i int) secret.Ref { return secret.Ref(fmt.Sprint("secret://", i)) }

// fill makes a folder with n secrets, each with its ref as its value.
func fill(t *testing.T, folder string, n int) shelf {
	t.Helper()
	table, err := rows.Open(t.Context(), rows.Config{DB: openDatabase(t, folder), Now: time.Now, Tracer: noop.NewTracerProvider()})
	if err != nil {
		t.Fatal(err)
	}
	s := shelf{t, folder, table}
	sealer := s.protector()
	for i := range n {
		blob, err := sealer.Seal([]byte(name(i)), []byte(name(i)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Put(t.Context(), rows.Row{Ref: name(i), Blob: blob, Sealed: sealer.Identity()}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// protector is one that reads the key file anew.
func (s shelf) protector() *protector.Protector {
	s.t.Helper()
	p, err := protector.NewHost(protector.Config{Keys: keyfile.Folder{DataFolder: s.folder, Random: bytes.NewReader(make([]byte, 16))}}).Current(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// wantAll opens every secret and returns how many the newest key sealed.
func (s shelf) wantAll(n int) (newest int) {
	s.t.Helper()
	opener := s.protector()
	for i := range n {
		row, err := s.table.Find(s.t.Context(), name(i))
		if err != nil {
			s.t.Fatal(err)
		}
		got, err := opener.Open(row.Blob, []byte(name(i)))
		if err != nil || string(got) != string(name(i)) {
			s.t.Fatalf("%s of key %s: %v", name(i), row.Sealed.KeyID, err)
		}
		if row.Sealed.KeyID == opener.Identity().KeyID {
			newest++
		}
	}
	return newest
}

// killRotation runs the binary and kills it when it wrote so many lines, and a
// moment later.
func killRotation(t *testing.T, binary string, config []byte, lines int, moment time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "key", "rotate")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write(config); err != nil {
		t.Fatal(err)
	}
	for in := bufio.NewScanner(stdout); lines > 0 && in.Scan(); lines-- {
	}
	time.Sleep(moment)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestARotationThatIsKilledAnywhereLosesNothingAndIsFinishedLater(t *testing.T) {
	folder := t.TempDir()
	const secrets = 420 // five pages
	s := fill(t, folder, secrets)
	plugin := buildPlugin(t, folder).Choice.Plugin
	keeper := openKeeper(t, in(folder))
	partly := map[int]bool{}
	// Where chance kills too often at the same place, it has more turns.
	for turn := 0; turn < 7 || len(partly) < 3 && turn < 70 && !t.Failed(); turn++ {
		lines := turn % 7
		t.Run(fmt.Sprint(turn, ": after ", lines, " lines"), func(t *testing.T) {
			before := keyStatus(t, keeper)
			moment := time.Duration(rand.Int64N(int64(4 * time.Millisecond)))
			if lines == 0 {
				moment *= 10 // while it starts, opens the database and changes the key file
			}
			killRotation(t, plugin.Path, plugin.Config.Reveal(), lines, moment)
			n := s.wantAll(secrets)
			after := keyStatus(t, keeper)
			if after.Unfinished {
				partly[n] = true
			}
			left, err := filepath.Glob(filepath.Join(folder, "keys", "*"))
			if err != nil || len(left) > 2 {
				t.Errorf("left %v, %v", left, err)
			}
			done := rotate(t, keeper)
			if done.Failed != 0 || done.Resumed != after.Unfinished || done.Resumed && done.Resealed != secrets-n {
				t.Errorf("of %d secrets of the new key: %+v", n, done)
			}
			if n := s.wantAll(secrets); n != secrets {
				t.Errorf("only %d secrets are of the newest key", n)
			}
			if keyStatus(t, keeper).Newest == before.Newest {
				t.Error("the key is the old one")
			}
			if r := retire(t, keeper); len(r.Left.Keys) != 1 {
				t.Errorf("left %+v", r.Left)
			}
			s.wantAll(secrets)
		})
	}
	if len(partly) < 3 {
		t.Errorf("killed only with these many secrets done: %v", partly)
	}
}

// What a kill shows of a power failure is that nothing is torn; that what was
// reported is on the disk is SQLite's promise for the setting that we use.
func TestAPluginThatIsKilledWithinASetLeavesTheOldOrTheNewValue(t *testing.T) {
	folder, err := os.MkdirTemp("", "im-") // short, for the sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	cfg := buildPlugin(t, folder)
	cfg.Logger = slog.New(slog.DiscardHandler)
	large := strings.Repeat("x", 200_000)
	reader := openStore(t, folder, "")
	kept := reader.set(ref, "0 "+large)
	last := 0
	for round := 1; round <= 8; round++ {
		admin, err := host.OpenAdministrator(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		pid := admin.Status().Plugin.PID
		killed := make(chan struct{})
		time.AfterFunc(time.Duration(rand.Int64N(int64(30*time.Millisecond))), func() { _ = syscall.Kill(pid, syscall.SIGKILL); close(killed) })
		reported := last
		next := last
		// One that is killed between two sets is started again, and the next set knows nothing of it.
		for over := false; !over; {
			select {
			case <-killed:
				over = true
			default:
			}
			next++
			_, err := admin.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(fmt.Sprint(next, " ", large)))})
			if err != nil {
				break // it died
			}
			reported = next
		}
		<-killed
		_ = admin.Close()
		got, err := reader.Get(t.Context(), ref, secret.Current)
		if err != nil {
			t.Fatal(err)
		}
		var found int
		var rest string
		_, scanErr := fmt.Sscan(string(got.Value.Reveal()), &found, &rest)
		if scanErr != nil || rest != large || found != reported && found != next {
			t.Fatalf("round %d: found value %d of %d bytes; %d was reported, %d was under way", round, found, len(rest), reported, next)
		}
		if got.Metadata.Version == kept.Version && found != last {
			t.Errorf("another value has the same version")
		}
		last, kept = found, got.Metadata
	}
}
