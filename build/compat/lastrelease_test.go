package compat_test

import (
	"log/slog"
	"runtime"
	"strings"
	"testing"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	ref   = "secret://ad/svc/password"
	left  = "secret://ad/left/behind"
	value = "Canary-compat-91b4-Passw0rd!"
)

func TestTodaysHostRunsThePluginsOfTheLastRelease(t *testing.T) {
	together(t, func() (tool, plugins installation) { return today, last })
}

func TestTheHostOfTheLastReleaseRunsTodaysPlugins(t *testing.T) {
	together(t, func() (tool, plugins installation) { return last, today })
}

// together drives each plugin through secretscli, which shows no value; after
// that today's host reads what was stored, through both versions of the plugin.
func together(t *testing.T, choose func() (tool, plugins installation)) {
	if missing != nil {
		t.Skip("SKIPPED: " + missing.Error())
	}
	tool, plugins := choose()
	t.Run("dpapi", func(t *testing.T) {
		dir := folder(t)
		env := plainEnvironment()
		newSite(t, dir, tool, plugins, map[string]any{}, env).life("dpapi", plugins.version, "NOT_FOUND")
		former := newSite(t, dir, today, last, map[string]any{}, env)
		if plugins == last {
			former.read(last.version)
		} else {
			former.refusesNewerTables() // today's plugin has changed them
		}
		newSite(t, dir, today, today, map[string]any{}, env).read(today.version)
	})
	t.Run("keyvault", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("SKIPPED: only on Linux can a variable name the authority of the fake vault")
		}
		dir := folder(t)
		env := append(plainEnvironment(), vault(t)...)
		settings := func() map[string]any {
			return map[string]any{"Secrets": map[string]any{
				"Provider": "AzureKeyVault", "KeyVault": map[string]any{"VaultUri": vaultURI},
			}}
		}
		newSite(t, dir, tool, plugins, settings(), env).life("keyvault", plugins.version, "DELETED")
		for _, i := range []installation{last, today} {
			newSite(t, dir, today, i, settings(), env).read(i.version)
		}
	})
}

// refusesNewerTables asks a plugin that is older than the tables of its store.
func (s *site) refusesNewerTables() {
	s.Helper()
	resolver, err := host.OpenResolver(s.host())
	if err != nil {
		s.Fatal(err)
	}
	defer resolver.Close()
	got, err := resolver.Get(s.Context(), left, secret.Current)
	if !fault.Is(err, fault.ConfigInvalid) || !strings.Contains(err.Error(), "upgraded by a newer version") {
		s.Errorf("get: %v", err)
	}
	got.Value.Wipe()
}

// host is how today's host opens the store of the site.
func (s *site) host() host.Config {
	s.Helper()
	settings, problems := appsettings.Load(appsettings.Options{File: s.config})
	choice, more := catalog.Choose(settings, catalog.Options{Environ: s.env})
	if problems.HasErrors() || more.HasErrors() {
		s.Fatal(problems, more)
	}
	return host.Config{Choice: choice, DataFolder: settings.Product.DataFolder, Environ: s.env,
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider()}
}

// read reads the secret that was left behind as the engine does, and lists and
// deletes one as the Admin API does.
func (s *site) read(version string) {
	s.Helper()
	config := s.host()
	resolver, err := host.OpenResolver(config)
	if err != nil {
		s.Fatal(err)
	}
	defer resolver.Close()
	got, err := resolver.Get(s.Context(), left, secret.Current)
	if err != nil || string(got.Value.Reveal()) != value {
		s.Errorf("get through %s: %v", version, err)
	}
	if info, err := resolver.Info(s.Context()); err != nil || info.Version != version {
		s.Errorf("the plugin is %+v, %v; want version %s", info, err, version)
	}

	admin, err := host.OpenAdministrator(config)
	if err != nil {
		s.Fatal(err)
	}
	defer admin.Close()
	// Of its own, because a vault keeps the name of what was deleted.
	own := secret.Ref("secret://ad/by/" + version)
	if _, err := admin.Set(s.Context(), provider.SetRequest{Ref: own, Value: secret.NewValue([]byte(value))}); err != nil {
		s.Errorf("set through %s: %v", version, err)
	}
	if page, err := admin.List(s.Context(), provider.ListRequest{Size: 10}); err != nil || len(page.Items) != 2 {
		s.Errorf("list through %s: %+v, %v", version, page, err)
	}
	if err := admin.Delete(s.Context(), own); err != nil {
		s.Errorf("delete through %s: %v", version, err)
	}
	if _, err := admin.Describe(s.Context(), own); !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Deleted) {
		s.Errorf("describe what was deleted through %s: %v", version, err)
	}
}
