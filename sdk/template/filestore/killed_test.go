package filestore_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

// envWriter makes this test binary a process that sets ref for ever in the folder
// it names, and prints each number once it is stored.
const envWriter = "FILESTORE_TEST_WRITER"

func TestMain(m *testing.M) {
	folder := os.Getenv(envWriter)
	if folder == "" {
		os.Exit(m.Run())
	}
	s := openHere(folder)
	for i := 1; ; i++ {
		if _, err := s.Set(context.Background(), provider.SetRequest{Ref: ref, Value: secret.NewValue(valueOf(i))}); err != nil {
			panic(err)
		}
		fmt.Println(i)
	}
}

// openHere opens the store without the wire.
func openHere(folder string) *filestore.Store {
	def := filestore.Definition("filestore", "1.2.3")
	settings, problems := def.Schema.Read(fmt.Appendf(nil, "{%q:%q}", "Folder", folder))
	if problems.HasErrors() {
		panic(problems.Err())
	}
	s, problems := def.Open(context.Background(), provider.Environment{Settings: settings, Logger: slog.New(slog.DiscardHandler)})
	if problems.HasErrors() {
		panic(problems.Err())
	}
	return s
}

// valueOf is large enough for a write to be interrupted.
func valueOf(i int) []byte { return []byte(strings.Repeat(fmt.Sprintf("%09d ", i), 1000)) }

func TestAProcessKilledAtAnyMomentLosesNothingThatWasAnswered(t *testing.T) {
	s := open(t, t.TempDir())
	for range 8 {
		writer := exec.Command(os.Args[0])
		writer.Env = append(os.Environ(), envWriter+"="+s.folder)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		lines, answered := bufio.NewScanner(out), 0
		for lines.Scan() {
			if answered++; answered == 3 {
				time.AfterFunc(time.Duration(rand.IntN(20_000))*time.Microsecond, func() { _ = writer.Process.Kill() })
			}
		}
		_ = writer.Wait()
		got, err := s.Get(t.Context(), ref, secret.Current)
		if err != nil {
			t.Fatal(err)
		}
		value := string(got.Value.Reveal())
		if answered < 3 || value != string(valueOf(answered)) && value != string(valueOf(answered+1)) {
			t.Errorf("after %d answers the value begins with %.10q", answered, value)
		}
	}
	s.set(ref, "the lock is free")
}

func holdLock(t *testing.T, path string) (release func()) {
	t.Helper()
	lock := flock.New(path)
	if ok, err := lock.TryLock(); err != nil || !ok {
		t.Fatalf("hold the lock: %v, %v", ok, err)
	}
	return func() { _ = lock.Close() }
}
