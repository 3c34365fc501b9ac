package bench

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/cloud"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// CloudAddress is where the benchmark's vault is; see [cloud.Enter].
const CloudAddress = "127.75.86.5"

const (
	vaultRefs = 1000
	// vaultBlocks of getPerBlock calls of each side, with pauses: back to back they
	// would be above the rate at which the provider holds itself.
	vaultBlocks = 100
	vaultPause  = 100 * time.Millisecond
	// serviceRate is what the service takes: 4,000 requests in ten seconds.
	serviceRate = 400
	// fewReads and manyReads are after which the plugin's memory is looked at.
	fewReads, manyReads = 10_000, 100_000
	// patience is the deadline of a read that may have to wait for its turn.
	patience = time.Minute
)

// KeyVault measures the plugin for Azure Key Vault against the fake vault, over
// TLS on loopback and under the real names.
//
// The time of a Get is held against the Azure SDK called directly in the same
// process model: by a program that does nothing else, behind a bare unary call of
// gRPC under mutual TLS, with the same chain of credentials. A cold start is a
// fresh plugin that 64 callers ask for 1,000 refs at once, sign-in included, while
// the fake enforces the service's limit.
func KeyVault(ctx context.Context, e Env) ([]Figure, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(engineGC))
	v, err := startVault(ctx, e)
	if err != nil {
		return nil, err
	}
	defer v.Stop()
	p50, ceiling, err := v.compared(ctx, e)
	if err != nil {
		return nil, err
	}
	rate, refused, err := v.cold(ctx, e)
	if err != nil {
		return nil, err
	}
	small, large, err := v.memory(ctx, e)
	if err != nil {
		return nil, err
	}
	e.say("keyvault: p50 %.0f us through the plugin, %.0f us directly; %d refs cold at %.0f reads/s where the fake could %.0f, %d refused; %.1f MiB after %d reads, %.1f after %d",
		p50.ours/1e3, p50.theirs/1e3, vaultRefs, rate, ceiling, refused, small, fewReads, large, manyReads)
	return []Figure{
		{Name: "keyvault_get_p50_vs_azsecrets", Value: p50.ratio, Goal: 1.2},
		{Name: "keyvault_cold_rate", Value: rate / min(ceiling, serviceRate), Goal: 0.95, AtLeast: true},
		{Name: "keyvault_cold_refused", Value: float64(refused), Goal: 0},
		{Name: "keyvault_memory_flat", Value: large / small, Goal: 1.10},
	}, nil
}

// benchVault is the fake with the benchmark's secrets in it.
type benchVault struct{ *cloud.Cloud }

func startVault(ctx context.Context, e Env) (*benchVault, error) {
	program := filepath.Join(e.Dir, "fakevault")
	if err := goBuild(ctx, program, "github.com/identitymesh/identitymesh/plugins/keyvault/fakevault/cmd/fakevault"); err != nil {
		return nil, err
	}
	c, err := cloud.Start(ctx, cloud.Config{Program: program, Address: CloudAddress})
	if err != nil {
		return nil, err
	}
	v := &benchVault{c}
	for i := range vaultRefs {
		value := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(i)}, 64))
		if err := v.control(ctx, http.MethodPut, cloud.VaultHost+"/"+naming.Name(string(vaultRef(i))), value, nil); err != nil {
			return nil, errors.Join(err, v.Stop())
		}
	}
	return v, nil
}

func vaultRef(i int) secret.Ref { return secret.Ref(fmt.Sprintf("secret://bench/%d", i%vaultRefs)) }

// control tells the fake something, and reads its answer unless into is nil.
func (v *benchVault) control(ctx context.Context, method, path, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, v.Control()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode >= 300:
		return fmt.Errorf("the fake vault answers %s to %s %s", answer.Status, method, path)
	case into == nil:
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// limited makes the fake enforce the service's limits, or none.
func (v *benchVault) limited(ctx context.Context, yes bool) error {
	others := -1
	if yes {
		others = 0 // the default
	}
	return v.control(ctx, http.MethodPatch, "rules", fmt.Sprintf(`{"Others":%d}`, others), nil)
}

// open starts the product's own plugin in front of the vault.
func (v *benchVault) open(ctx context.Context, e Env, name string) (*host.Resolver, error) {
	folder := filepath.Join(e.Dir, name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "appsettings.json")
	body, err := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": "data", "PluginFolder": e.Bin}, "Secrets": v.Settings("AzureKeyVault")})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return nil, err
	}
	settings, problems := appsettings.Load(appsettings.Options{File: file})
	if err := problems.Err(); err != nil {
		return nil, err
	}
	environ := append(os.Environ(), v.Environment()...)
	choice, problems := catalog.Choose(settings, catalog.Options{Environ: environ})
	if err := problems.Err(); err != nil {
		return nil, err
	}
	r, err := host.OpenResolver(host.Config{
		Choice: choice, DataFolder: settings.Product.DataFolder, Environ: environ, LogLevel: slog.LevelInfo,
		Logger: slog.New(slog.DiscardHandler), Tracer: notSampled(),
	})
	if err != nil {
		return nil, err
	}
	if _, err := r.Info(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// compared returns the times of a Get through the plugin and directly, and how
// many reads a second the fake can answer.
func (v *benchVault) compared(ctx context.Context, e Env) (p50 pair, ceiling float64, err error) {
	if err := v.limited(ctx, false); err != nil {
		return pair{}, 0, err
	}
	r, err := v.open(ctx, e, "kvget")
	if err != nil {
		return pair{}, 0, err
	}
	defer r.Close()
	direct, stop, err := startBare(ctx, e.Dir, string(vaultRef(0)), append(v.Environment(), bareVault+"="+v.URL())...)
	if err != nil {
		return pair{}, 0, err
	}
	defer stop()
	through := func(ctx context.Context) error { return read(ctx, r, vaultRef(0)) }
	p50, err = inTurn(vaultBlocks, func(c call) (float64, error) {
		time.Sleep(vaultPause)
		return block50(ctx, c)
	}, through, direct)
	if err != nil {
		return pair{}, 0, err
	}
	var rates []float64
	for range 5 {
		rate, err := blockRate(ctx, direct)
		if err != nil {
			return pair{}, 0, err
		}
		rates = append(rates, rate)
	}
	return p50, median(rates), nil
}

func read(ctx context.Context, r *host.Resolver, ref secret.Ref) error {
	s, err := r.Get(ctx, ref, secret.Current)
	s.Value.Wipe()
	return err
}

// cold returns how many reads a second many callers of a fresh plugin make, and
// how many requests the vault refused for their rate.
func (v *benchVault) cold(ctx context.Context, e Env) (rate float64, refused int, err error) {
	r, err := v.open(ctx, e, "kvcold")
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	if err := v.limited(ctx, true); err != nil {
		return 0, 0, err
	}
	if err := v.control(ctx, http.MethodDelete, "requests", "", nil); err != nil {
		return 0, 0, err
	}
	took, err := readMany(ctx, r, 0, vaultRefs)
	if err != nil {
		return 0, 0, err
	}
	var requests []struct{ Status int }
	if err := v.control(ctx, http.MethodGet, "requests", "", &requests); err != nil {
		return 0, 0, err
	}
	for _, q := range requests {
		if q.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	return vaultRefs / took.Seconds(), refused, nil
}

// memory returns the plugin's resident memory after few and after many reads.
func (v *benchVault) memory(ctx context.Context, e Env) (small, large float64, err error) {
	if err := v.limited(ctx, false); err != nil {
		return 0, 0, err
	}
	r, err := v.open(ctx, e, "kvmem")
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	if _, err := readMany(ctx, r, 0, fewReads); err != nil {
		return 0, 0, err
	}
	if small, err = memoryOf(r.Status().Plugin.PID, "VmRSS"); err != nil {
		return 0, 0, err
	}
	if _, err := readMany(ctx, r, fewReads, manyReads); err != nil {
		return 0, 0, err
	}
	large, err = memoryOf(r.Status().Plugin.PID, "VmRSS")
	return small, large, err
}

// readMany makes the reads from one number to another from many callers.
func readMany(ctx context.Context, r *host.Resolver, from, to int) (time.Duration, error) {
	var next atomic.Int64
	next.Store(int64(from))
	var all sync.WaitGroup
	errs := make([]error, callers)
	began := time.Now()
	for c := range callers {
		all.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(to) || errs[c] != nil {
					return
				}
				ctx, cancel := context.WithTimeout(ctx, patience)
				errs[c] = read(ctx, r, vaultRef(int(i)))
				cancel()
			}
		})
	}
	all.Wait()
	return time.Since(began), errors.Join(errs...)
}
