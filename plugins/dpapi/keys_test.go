//go:build unix

package dpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/plugins/dpapi"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// openKeeper opens the provider as the command key does, in another process than
// the engine's.
func openKeeper(t *testing.T, config map[string]string) *dpapi.Provider {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	p, problems := dpapi.Definition("0.0.1").Configure(t.Context(), provider.Environment{
		Config: text, Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func in(folder string) map[string]string { return map[string]string{"DataFolder": folder} }

func rotate(t *testing.T, p *dpapi.Provider) provider.KeyRotation {
	t.Helper()
	last := provider.KeyProgress{Done: -1}
	r, err := p.RotateKey(t.Context(), func(now provider.KeyProgress) {
		if now.Done < last.Done || now.Done > now.Total {
			t.Errorf("progress %+v after %+v", now, last)
		}
		last = now
	})
	if err != nil {
		t.Fatal(err)
	}
	if last.Done != last.Total {
		t.Errorf("ended at progress %+v", last)
	}
	return r
}

func keyStatus(t *testing.T, p *dpapi.Provider) provider.KeyStatus {
	t.Helper()
	s, err := p.KeyStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func retire(t *testing.T, p *dpapi.Provider) provider.KeyRetirement {
	t.Helper()
	r, err := p.RetireKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARotationSealsEverythingAnewWhileTheStoreIsUsed(t *testing.T) {
	folder := t.TempDir()
	engine, keeper := openStore(t, folder, ""), openKeeper(t, in(folder))
	const all = 230
	name := func(i int) string { return fmt.Sprint("secret://", i) }
	versions := map[string]secret.Version{}
	for i := range all {
		versions[name(i)] = engine.set(name(i), "value of "+name(i)).Version
	}
	const damaged = "secret://damaged"
	engine.set(damaged, "x")
	execute(t, folder, "UPDATE IM_Secrets SET blob = x'00' WHERE ref = '"+damaged+"'")
	execute(t, folder, "INSERT INTO IM_Secrets (name, blob) VALUES ('secret://legacy', x'01000000d08c9ddf')")
	execute(t, folder, "INSERT INTO IM_Secrets (name, ref, blob, protector, key_id, host_id) VALUES ('theirs', 'secret://theirs', x'01', 'hostkey', '9', 'f00')")
	before := keyStatus(t, keeper)
	if len(before.Keys) != 1 || before.Keys[0] != (provider.KeyUse{ID: before.Newest, Secrets: all + 1}) || before.Foreign != 2 || before.Unfinished {
		t.Fatalf("before: %+v", before)
	}

	stop := make(chan struct{})
	var using sync.WaitGroup
	for w := range 3 {
		using.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				ref := name((i*7 + w) % all)
				if w == 0 {
					engine.set("secret://busy", fmt.Sprint(i))
				} else {
					engine.wantValue(ref, "value of "+ref)
				}
			}
		})
	}
	done := rotate(t, keeper)
	close(stop)
	using.Wait()

	if done.Resumed || done.Key == before.Newest || done.Resealed < all || done.Resealed > all+1 ||
		done.Failed != 1 || len(done.Failures) != 1 || done.Failures[0].Ref != damaged || !strings.Contains(done.Failures[0].Problem, "CORRUPT") {
		t.Errorf("the rotation ended as %+v", done)
	}
	after := keyStatus(t, keeper)
	want := []provider.KeyUse{{ID: before.Newest, Secrets: 1}, {ID: done.Key, Secrets: all + 1}}
	if after.Newest != done.Key || !slices.Equal(after.Keys, want) || after.Unfinished {
		t.Errorf("after: %+v", after)
	}
	t.Run("and values and versions are the same", func(t *testing.T) {
		for i := range all {
			engine.wantValue(name(i), "value of "+name(i))
			if m, err := engine.Describe(t.Context(), secret.Ref(name(i))); err != nil || m.Version != versions[name(i)] || m.Disabled {
				t.Fatalf("%+v, %v", m, err)
			}
		}
	})
	t.Run("and a key that is needed is not retired", func(t *testing.T) {
		if r := retire(t, keeper); len(r.Retired) != 0 || len(r.Left.Keys) != 2 {
			t.Errorf("retired %+v", r)
		}
	})
	t.Run("and one that nothing needs is", func(t *testing.T) {
		engine.set(damaged, "mended")
		r := retire(t, keeper)
		if !slices.Equal(r.Retired, []string{before.Newest}) || len(r.Left.Keys) != 1 {
			t.Errorf("retired %+v", r)
		}
		engine.wantValue(damaged, "mended")
		engine.set(ref, "v")
		openStore(t, folder, "").wantValue(ref, "v")
	})
}

func TestNoKeyChangesWhileARowIsOnItsWay(t *testing.T) {
	folder := t.TempDir()
	s, keeper := openStore(t, folder, ""), openKeeper(t, in(folder))
	s.set(ref, "old")
	inTheWay, err := openDatabase(t, folder).Write.Begin() // takes the write lock of the file
	if err != nil {
		t.Fatal(err)
	}
	set := make(chan error, 1)
	go func() {
		_, err := s.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("new"))})
		set <- err
	}()
	time.Sleep(300 * time.Millisecond) // by now it is sealed
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = keeper.RotateKey(ctx, func(provider.KeyProgress) {})
	wantFault(t, err, fault.Timeout, "being changed by another process")
	if err := inTheWay.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-set; err != nil {
		t.Fatal(err)
	}
	rotate(t, keeper)
	s.wantValue(ref, "new")
}

func TestARowOfARetiredKeyIsSaidToBe(t *testing.T) {
	folder := t.TempDir()
	s, keeper := openStore(t, folder, ""), openKeeper(t, in(folder))
	s.set(ref, "old")
	execute(t, folder, "CREATE TABLE backup AS SELECT * FROM IM_Secrets")
	old := keyStatus(t, keeper).Newest
	rotate(t, keeper)
	retire(t, keeper)
	execute(t, folder, "DELETE FROM IM_Secrets")
	execute(t, folder, "INSERT INTO IM_Secrets SELECT * FROM backup") // as after a restore
	again := openStore(t, folder, "")
	again.wantGetFault(ref, fault.Undecryptable, ref, "key "+old, "does not have", "secretscli set "+ref)
	if m, err := again.Describe(t.Context(), ref); err != nil || !m.Disabled {
		t.Errorf("described as %+v, %v", m, err)
	}
	status := keyStatus(t, keeper)
	if !slices.Contains(status.Keys, provider.KeyUse{ID: old, Secrets: 1, Missing: true}) {
		t.Errorf("status %+v", status)
	}
	if r := rotate(t, keeper); r.Failed != 1 || !strings.Contains(r.Failures[0].Problem, "UNDECRYPTABLE") {
		t.Errorf("rotation %+v", r)
	}
}

func TestAStolenFileAloneOpensNothing(t *testing.T) {
	folder := t.TempDir()
	credential := filepath.Join(t.TempDir(), "identitymesh-host-key")
	if err := os.WriteFile(credential, []byte(strings.Repeat("CANARY-9b", 8)), 0o400); err != nil {
		t.Fatal(err)
	}
	config := in(folder)
	config["HostKeyWrappedBy"] = "credential:" + credential
	s := openStoreWith(t, config)
	s.set(ref, "CANARY-value")
	keeper := openKeeper(t, config)
	rotate(t, keeper)
	s.wantValue(ref, "CANARY-value")
	if status := keyStatus(t, keeper); !strings.Contains(status.Protection, "wrapped by credential") {
		t.Errorf("status %+v", status)
	}

	t.Run("neither row nor key file holds a value, a key or the credential", func(t *testing.T) {
		for _, name := range []string{"keys/host.key", "identitymesh.db", "identitymesh.db-wal"} {
			content, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, needle := range []string{"CANARY", `"keyData"`} { // Tink's name for a key in the clear
				if strings.Contains(string(content), needle) {
					t.Errorf("%s holds %s", name, needle)
				}
			}
		}
	})
	t.Run("the whole data folder does not open elsewhere", func(t *testing.T) {
		thief := openStoreWith(t, in(folder))
		thief.wantGetFault(ref, fault.AccessDenied, "host.key", "credential")
		_, err := thief.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("x"))})
		wantFault(t, err, fault.AccessDenied, "HostKeyWrappedBy")
	})
	t.Run("nor does a row with another host's key", func(t *testing.T) {
		other := in(t.TempDir())
		other["SqlConnectionString"] = "sqlite:" + filepath.Join(folder, "identitymesh.db")
		openStoreWith(t, other).wantGetFault(ref, fault.Undecryptable, "bound to host")
	})
}
