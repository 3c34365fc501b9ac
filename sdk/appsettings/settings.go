package appsettings

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Settings is the configuration in force: every key has its value or its
// default. It may be printed and logged: whatever could hold a credential is a
// [secret.Value]. It does not change after [Load] and is safe for concurrent use.
type Settings struct {
	// Environment is the name that chose the second file, for example Production.
	Environment string
	// Files are the absolute paths of the files that were read, weakest first.
	Files    []string
	Product  Product
	Secrets  Secrets
	AdminAPI AdminAPI
	Engine   Engine
	Logging  Logging
	Audit    Audit
	// Authentication says how operators sign in beside the product's own tokens.
	Authentication Authentication

	keys []Key    // sorted by folded path
	sums [][]byte // SHA-256 of each of the files
}

// Product is the section IdentityMesh.
type Product struct {
	// SqlConnectionString is zero when the embedded database is to be used. It is
	// not parsed here.
	SqlConnectionString secret.Value
	// DataFolder is absolute. It need not exist.
	DataFolder string
	// HostKeyWrappedBy says what encrypts the key file of the default secret
	// provider, empty for nothing. It is not parsed here.
	HostKeyWrappedBy string
	// PluginFolder is absolute; empty means the folder of the executable.
	PluginFolder string
	// InstanceName is unique among the engines on one database.
	InstanceName string
	Retention    Retention
}

// Retention is IdentityMesh:Retention, in days; 0 keeps everything.
type Retention struct {
	RunHistoryDays   int
	ConnectorLogDays int
	// AuditDays is for the record of what people did, ObjectAuditDays for that of what
	// runs did to objects.
	AuditDays, ObjectAuditDays int
}

// Secrets is the section Secrets.
type Secrets struct {
	// Provider is the text as written, empty when unset.
	Provider string
	// Strict asks for a refusal to start when Provider names nothing known.
	Strict bool
	// KeyVault is the section as JSON, {} when unset. Nothing of it was checked,
	// not even that it is an object: while another provider is in force, nothing
	// in it may matter.
	KeyVault secret.Value
	// KeyVaultProblems are to be shown only when Key Vault is in force.
	KeyVaultProblems diag.List
	// Plugins are the entries of Secrets:Plugins by name as written. No two names
	// differ only in case.
	Plugins map[string]Plugin
}

// Plugin is one entry of Secrets:Plugins.
type Plugin struct {
	Name string
	// Path is absolute.
	Path string
	// Sha256 of the file on this platform in 64 lowercase hexadecimal digits; empty
	// when nobody vouches for it, and then it must not be started.
	Sha256 string
	// Version is the version that the plugin must report; empty for any.
	Version string
	// Environment names the variables that the plugin may see.
	Environment []string
	// Config is a JSON object, {} when unset; only the plugin knows what must be
	// in it. What environment variables set in it is JSON text, never a number
	// or a boolean.
	Config secret.Value
}

// AdminAPI is the section AdminApi.
type AdminAPI struct {
	// Listen is host:port; port 0 leaves the choice to the operating system. Without
	// TLS the host is a loopback address.
	Listen string
	TLS    TLS
	// Hosts are further names that requests may be sent to, in lower case and without
	// a port.
	Hosts []string
	// TrustedProxies are the reverse proxies that may say for whom they ask; without
	// bits behind the prefix, and none stands for every address.
	TrustedProxies []netip.Prefix
	// URL is where browsers reach the Admin API, as in https://mesh.example.net,
	// without a path; empty when it is where Listen says.
	URL string
}

// TLS is AdminApi:Tls. Both files are set, or none.
type TLS struct {
	// CertificateFile and KeyFile are absolute.
	CertificateFile, KeyFile string
}

// Engine is the section Engine.
type Engine struct {
	PollInterval      time.Duration
	HeartbeatInterval time.Duration
	MaxConcurrentRuns int
	RunTimeout        time.Duration
	SecretTimeout     time.Duration
}

// Logging is the section Logging.
type Logging struct {
	Level slog.Level
	// Format is "json" or "text".
	Format string
	File   LogFile
}

// LogFile is Logging:File.
type LogFile struct {
	// Folder is absolute; empty when it is not set.
	Folder string
	// MaxSize of a file in MiB, and MaxFiles how many are kept.
	MaxSize, MaxFiles int
}

// Key says where one key in force came from.
type Key struct {
	// Path with ':' between its parts, as in Secrets:Provider.
	Path string
	// Origin is "appsettings.json" or the name of the other file, "environment
	// variable " and its name, or "default".
	Origin string
	// Line of the file, counted from 1; 0 when it is no line of a file.
	Line int
	// Sensitive keys may hold a credential: never show their value.
	Sensitive bool
	// Text is the value in force as a person would write it, lists with ", " between
	// the items. It is empty for Sensitive keys, whether they are set or not.
	Text string
}

// IsDefault reports whether nobody set the key.
func (k Key) IsDefault() bool { return k.Origin == originDefault }

// originDefault is the origin of a key that nobody set.
const originDefault = "default"

// Keys returns every key in force, sorted by path.
func (s *Settings) Keys() []Key { return slices.Clone(s.keys) }

// Origin returns where the value of the key at path came from; see [Key]. The
// path is case-insensitive. A key that is unknown or not set is "default".
func (s *Settings) Origin(path string) string {
	i, found := slices.BinarySearchFunc(s.keys, fold(path), func(k Key, path string) int {
		return strings.Compare(fold(k.Path), path)
	})
	if !found {
		return originDefault
	}
	return s.keys[i].Origin
}

// WithSecrets returns s with the section Secrets of other, for a program that took
// on only that section of a configuration that was read again.
func (s *Settings) WithSecrets(other *Settings) *Settings {
	const prefix = "secrets:"
	own := func(k Key) bool { return !strings.HasPrefix(fold(k.Path), prefix) }
	merged := *s
	merged.Secrets, merged.keys = other.Secrets, slices.DeleteFunc(slices.Clone(s.keys), func(k Key) bool { return !own(k) })
	for _, k := range other.keys {
		if !own(k) {
			merged.keys = append(merged.keys, k)
		}
	}
	slices.SortFunc(merged.keys, func(a, b Key) int { return strings.Compare(fold(a.Path), fold(b.Path)) })
	return &merged
}

// LogValue returns what a start-up log line should say about the configuration.
func (s *Settings) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("environment", s.Environment),
		slog.Any("files", s.Files),
		slog.String("data_folder", s.Product.DataFolder),
		slog.String("instance", s.Product.InstanceName),
		slog.String("secrets_provider", s.Secrets.Provider),
	)
}
