// Package catalog says which plugin is in force and everything that is needed
// to start it: the file, its pin, its configuration and the environment it may
// see. It reads configuration and the lock file and starts nothing.
//
// Start reading at [Choose].
package catalog

import (
	"encoding/json"
	"fmt"
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
	folder := s.Product.PluginFolder
	if folder == "" {
		folder = filepath.Dir(o.Executable)
	}
	configured := s.Secrets.Provider
	origin := s.Origin("Secrets:Provider")
	switch {
	case strings.TrimSpace(configured) == "":
		return dpapi(s, o, folder, "Secrets:Provider is not set, so the default is used"), problems
	case strings.EqualFold(configured, DPAPI):
		return dpapi(s, o, folder, fmt.Sprintf("Secrets:Provider is %s (%s)", DPAPI, origin)), problems
	case strings.EqualFold(configured, AzureKeyVault):
		problems.Append("", s.Secrets.KeyVaultProblems)
		c := Choice{Provider: AzureKeyVault, Why: fmt.Sprintf("Secrets:Provider is %s (%s)", AzureKeyVault, origin)}
		c.Plugin, c.Problem = shipped(folder, pluginKeyVault)
		c.Plugin.Config, c.Plugin.ConfigPath = s.Secrets.KeyVault, "Secrets:KeyVault"
		c.Plugin.Environment = allowed(o.Environ, forEveryPlugin, forKeyVault)
		return c, problems
	}
	for name, p := range s.Secrets.Plugins {
		if strings.EqualFold(name, configured) {
			path := "Secrets:Plugins:" + name
			return Choice{
				Provider: name, Why: fmt.Sprintf("Secrets:Provider is %s (%s), an entry of Secrets:Plugins", name, origin),
				Plugin: Plugin{
					Path: p.Path, SHA256: p.Sha256, Pin: path + ":Sha256", Version: p.Version,
					Config: p.Config, ConfigPath: path + ":Config",
					Environment: allowed(o.Environ, forEveryPlugin, p.Environment),
				},
			}, problems
		}
	}
	text := fmt.Sprintf("%q (%s) is neither %s, %s nor an entry of Secrets:Plugins%s", configured, origin, DPAPI, AzureKeyVault, known(s))
	if s.Secrets.Strict {
		problems.Errorf("Secrets:Provider", "%s; because Secrets:Strict is true, nothing starts", text)
		return Choice{}, problems
	}
	problems.Warnf("Secrets:Provider", "%s; the default %s is used instead, and secrets are read from and written to the default store", text, DPAPI)
	c := dpapi(s, o, folder, "Secrets:Provider "+text+", so the default is used")
	c.Fallback = true
	return c, problems
}

func known(s *appsettings.Settings) string {
	var names []string
	for name := range s.Secrets.Plugins {
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return " (those are: " + strings.Join(names, ", ") + ")"
}

func dpapi(s *appsettings.Settings, o Options, folder, why string) Choice {
	c := Choice{Provider: DPAPI, Why: why}
	c.Plugin, c.Problem = shipped(folder, pluginDPAPI)
	// Marshalling two strings cannot fail.
	config, _ := json.Marshal(map[string]string{
		"SqlConnectionString": string(s.Product.SqlConnectionString.Reveal()),
		"DataFolder":          s.Product.DataFolder,
	})
	c.Plugin.Config, c.Plugin.ConfigPath = secret.NewValue(config), "IdentityMesh"
	c.Plugin.Environment = allowed(o.Environ, forEveryPlugin, forDPAPI)
	return c
}

// shipped finds one of our own plugins through the lock file beside it.
func shipped(folder, name string) (Plugin, error) {
	lock, err := ReadLock(filepath.Join(folder, LockFile))
	if err != nil {
		return Plugin{Name: name}, err
	}
	return lock.find(folder, name, runtime.GOOS, runtime.GOARCH)
}
