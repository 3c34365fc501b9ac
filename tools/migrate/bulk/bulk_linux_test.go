package bulk_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	secrets = 10_000
	// copies of them are made in the vault; the rest is there already. The vault takes 30
	// a second, so that all of them take six minutes: IDENTITYMESH_TEST_BULK=all.
	copies = 1_000
	canary = "canary-b01d"
)

// value is that of a secret: of mixed sizes up to the largest that the vault takes, and
// of all bytes.
func value(i int) []byte {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	size := []int{0, 1, 12, 64, 200, 1000, 4096, 19_200}[random.IntN(8)]
	out := bytes.Repeat([]byte(canary), size/len(canary)+1)[:size]
	for j := 0; j < size; j += 2 {
		if size > 64 {
			out[size-1-j/2] = byte(random.Uint32())
		}
	}
	return out
}

// every calls do for each secret, several at once.
func every(t *testing.T, do func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	for first := range 16 {
		all.Go(func() {
			for i := first; i < secrets; i += 16 {
				if err := do(i); err != nil {
					t.Errorf("%s: %v", ref(i), err)
					return
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

func same(c *host.Carrier, t *testing.T) func(int) error {
	return func(i int) error {
		got, err := c.Get(t.Context(), ref(i), secret.Current)
		if err == nil && !bytes.Equal(got.Value.Reveal(), value(i)) {
			err = fmt.Errorf("another value: %d bytes", len(got.Value.Reveal()))
		}
		return err
	}
}

func TestTenThousandSecretsGoToAVaultAndBack(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it takes two minutes")
	}
	if !inNamespace(t) {
		return
	}
	w, copies := newWorld(t), copies
	if os.Getenv("IDENTITYMESH_TEST_BULK") == "all" {
		copies = secrets
	}
	from := w.carrier("appsettings.json", "DPAPI")
	every(t, func(i int) error {
		if i >= copies {
			w.there(ref(i), value(i))
		}
		_, err := from.Set(t.Context(), provider.SetRequest{Ref: ref(i), Value: secret.NewValue(value(i))})
		return err
	})
	w.must(0, []string{"plan", "--to", "AzureKeyVault"}, fmt.Sprintf("%d ", copies), "create", "the target takes 30 sets a second", "a run can take over everything")
	w.must(0, []string{"run"}, fmt.Sprintf("%6d  copied", copies), fmt.Sprintf("%6d  verified", secrets))
	w.clean(canary)

	// And back, into a store that has none of them.
	w.configure("appsettings.json", "other", vaultHost)
	back := []string{"--ledger", w.folder + "/back"}
	w.must(0, append(back, "plan", "--from", "AzureKeyVault", "--to", "DPAPI"), "10000  create", "a run can take over everything")
	w.must(0, append(back, "run"), " 10000  copied", " 10000  verified")
	every(t, same(w.carrier("other.json", "DPAPI"), t))
}
