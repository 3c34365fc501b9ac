// Package catalog says which plugin is in force and everything that is needed
// to start it: the file, its pin, its configuration and the environment it may
// see. It reads configuration and the lock file and starts nothing.
//
// Start reading at [Choose].
package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// The providers that come with the product, as configuration and operators call
// them.
const (
	DPAPI         = "DPAPI"
	AzureKeyVault = "AzureKeyVault"
)

// The names of their plugins in the lock file, which are also what the plugins
// call themselves.
const (
	pluginDPAPI    = "dpapi"
	pluginKeyVault = "keyvault"
)

// Plugin is one plugin, ready to be started.
type Plugin struct {
	// Name that the plugin must report; empty when the configuration chose the
	// name, as it does for third parties' plugins.
	Name string
	Path string
	// SHA256 of the file in hexadecimal digits, and Pin, where that stands.
	SHA256, Pin string
	// Version that the plugin must report; empty for any.
	Version string
	// Config is a JSON object, ConfigPath the section that operators find it in.
	Config     secret.Value
	ConfigPath string
	// Environment is all that the plugin sees, as KEY=value.
	Environment []string
}

// Choice is the provider in force and why.
type Choice struct {
	// Provider is [DPAPI], [AzureKeyVault] or the name of a configured plugin.
	Provider string
	// Why in one sentence, for doctor, logs and the UI.
	Why string
	// Shipped is true for a plugin that comes with the product.
	Shipped bool
	// Fallback is true when the configured name is unknown and DPAPI serves in
	// its place.
	Fallback bool
	Plugin   Plugin
	// Problem is set when the plugin cannot be started whatever is tried, as
	// with a missing lock file. It is a state of the plugin, not of the host.
	Problem error
}

// Options are what [Choose] takes from the process.
type Options struct {
	// Executable is the path of the running program, the default place of the
	// plugins.
	Executable string
	// Environ is os.Environ().
	Environ []string
}

// Choose decides as the product always has: no provider means DPAPI,
// AzureKeyVault in any case means Key Vault, the name of an entry of
// Secrets:Plugins that plugin, and anything else DPAPI with a warning, or a
// refusal when Secrets:Strict is true. The list has errors only when the process
// must not start.
func Choose(s *appsettings.Settings, o Options) (Choice, diag.List) {
	var problems diag.List
	configured := strings.TrimSpace(s.Secrets.Provider)
	origin := s.Origin("Secrets:Provider")
	all := All(s, o)
	if configured == "" {
		all[0].Why = "Secrets:Provider is not set, so the default is used"
		return all[0], problems
	}
	for _, c := range all {
		if !strings.EqualFold(c.Provider, configured) {
			continue
		}
		c.Why = fmt.Sprintf("Secrets:Provider is %s (%s)", c.Provider, origin)
		if !c.Shipped {
			c.Why += ", an entry of Secrets:Plugins"
		}
		if c.Provider == AzureKeyVault {
			problems.Append("", s.Secrets.KeyVaultProblems)
		}
		return c, problems
	}
	text := fmt.Sprintf("%q (%s) is neither %s, %s nor an entry of Secrets:Plugins%s", s.Secrets.Provider, origin, DPAPI, AzureKeyVault, known(s))
	if s.Secrets.Strict {
		problems.Errorf("Secrets:Provider", "%s; because Secrets:Strict is true, nothing starts", text)
		return Choice{}, problems
	}
	problems.Warnf("Secrets:Provider", "%s; the default %s is used instead, and secrets are read from and written to the default store", text, DPAPI)
	c := all[0]
	c.Why, c.Fallback = "Secrets:Provider "+text+", so the default is used", true
	return c, problems
}

// All returns every provider that could be chosen, the default first, then the
// product's other one, then the configured plugins by name. Their Why is empty.
func All(s *appsettings.Settings, o Options) []Choice {
	folder := s.Product.PluginFolder
	if folder == "" {
		folder = filepath.Dir(o.Executable)
	}
	all := []Choice{dpapi(s, o, folder), keyVault(s, o, folder)}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets.Plugins)) {
		all = append(all, configuredPlugin(s.Secrets.Plugins[name], o))
	}
	return all
}

func configuredPlugin(p appsettings.Plugin, o Options) Choice {
	path := "Secrets:Plugins:" + p.Name
	c := Choice{Provider: p.Name, Plugin: Plugin{
		Path: p.Path, SHA256: p.Sha256, Pin: path + ":Sha256", Version: p.Version,
		Config: p.Config, ConfigPath: path + ":Config",
		Environment: allowed(o.Environ, forEveryPlugin, p.Environment),
	}}
	if p.Sha256 == "" {
		c.Problem = &UnpinnedError{Provider: p.Name, Path: p.Path, Pin: c.Plugin.Pin}
	}
	return c
}

// UnpinnedError is a plugin whose file nobody vouches for. It is never started.
type UnpinnedError struct{ Provider, Path, Pin string }

func (e *UnpinnedError) Error() string {
	return fmt.Sprintf("%s has no SHA-256 for %s/%s, so the plugin file %s is not trusted; if it is the one you trust, run: secretscli plugin lock %s",
		e.Pin, runtime.GOOS, runtime.GOARCH, e.Path, e.Provider)
}

func known(s *appsettings.Settings) string {
	names := slices.Sorted(maps.Keys(s.Secrets.Plugins))
	if len(names) == 0 {
		return ""
	}
	return " (those are: " + strings.Join(names, ", ") + ")"
}

func dpapi(s *appsettings.Settings, o Options, folder string) Choice {
	c := Choice{Provider: DPAPI, Shipped: true}
	c.Plugin, c.Problem = shipped(folder, pluginDPAPI)
	// Marshalling strings cannot fail.
	config, _ := json.Marshal(map[string]string{
		"SqlConnectionString": string(s.Product.SqlConnectionString.Reveal()),
		"DataFolder":          s.Product.DataFolder,
		"HostKeyWrappedBy":    s.Product.HostKeyWrappedBy,
	})
	c.Plugin.Config, c.Plugin.ConfigPath = secret.NewValue(config), "IdentityMesh"
	lists := [][]string{forEveryPlugin, forDPAPI}
	if asksForEntra(s.Product.SqlConnectionString) {
		lists = append(lists, forEntra)
	}
	c.Plugin.Environment = allowed(o.Environ, lists...)
	return c
}

// asksForEntra reports whether a connection string names one of the ways of
// signing in with Entra, all of which are called Active Directory something.
func asksForEntra(connection secret.Value) bool {
	text := strings.ToLower(strings.ReplaceAll(string(connection.Reveal()), " ", ""))
	return strings.Contains(text, "activedirectory")
}

func keyVault(s *appsettings.Settings, o Options, folder string) Choice {
	c := Choice{Provider: AzureKeyVault, Shipped: true}
	c.Plugin, c.Problem = shipped(folder, pluginKeyVault)
	c.Plugin.Config, c.Plugin.ConfigPath = s.Secrets.KeyVault, "Secrets:KeyVault"
	c.Plugin.Environment = allowed(o.Environ, forEveryPlugin, forEntra, forKeyVault)
	return c
}

// shipped finds one of our own plugins through the lock file beside it: its own,
// or else the one for all. What is known of it is returned with an error too.
func shipped(folder, name string) (Plugin, error) {
	p := Plugin{Name: name, Path: filepath.Join(folder, filePrefix+name+executable), Pin: lockFor(folder, name)}
	lock, err := ReadLock(p.Pin)
	if err != nil {
		return p, err
	}
	return lock.find(p, folder, runtime.GOOS, runtime.GOARCH)
}

// filePrefix begins the names of the files of our own plugins.
const filePrefix = "identitymesh-plugin-"

// Lock pins the file of c, whose hash and version are given, where its pin
// stands, and returns the file that it wrote: the product's lock file or a
// settings file. See [UpdateLock] and [appsettings.Settings.Pin] for what stays.
func (c Choice) Lock(s *appsettings.Settings, sha256, version string) (file string, err error) {
	if !c.Shipped {
		return s.Pin(c.Provider, sha256, version)
	}
	name := strings.TrimSuffix(filepath.Base(c.Plugin.Path), executable)
	return c.Plugin.Pin, UpdateLock(c.Plugin.Pin, version, runtime.GOOS+"/"+runtime.GOARCH,
		map[string]Pin{c.Plugin.Name: {File: name, Sha256: sha256}})
}
