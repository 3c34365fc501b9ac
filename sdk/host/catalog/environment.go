package catalog

import (
	"slices"
	"strings"
)

// A plugin sees only variables that are named here or, for a third party's, in
// its entry's Environment. A trailing * stands for any rest. On Windows names
// have no case.
var (
	forEveryPlugin = []string{
		// Telemetry, time zone, and where certificate authorities are.
		"OTEL_*", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
		// Without these a Windows process cannot open a socket or find its folders.
		"SystemRoot", "SystemDrive", "windir", "TEMP", "TMP", "ProgramData", "COMPUTERNAME",
	}
	forDPAPI = []string{
		// Kerberos sign-in to SQL Server.
		"KRB5_CONFIG", "KRB5CCNAME", "KRB5_KTNAME",
		// Where the service manager puts the credential that wraps the host's key.
		"CREDENTIALS_DIRECTORY",
	}
	// Everything that services sign in to Entra with: to a key vault, or to a SQL
	// Server.
	forEntra = []string{
		"AZURE_*", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT",
		"MSI_ENDPOINT", "MSI_SECRET", "DEFAULT_IDENTITY_CLIENT_ID",
		// The way out of the network.
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	}
	forKeyVault = []string{
		// The Azure CLI and PowerShell are found by PATH and keep their sessions in
		// the home folder. The CLI has a variable of its own for authorities.
		"REQUESTS_CA_BUNDLE", "PATH", "PATHEXT", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "ProgramFiles", "ProgramW6432",
	}
)

// allowed returns the variables of environ that one of the lists names, sorted.
func allowed(environ []string, lists ...[]string) []string {
	names := slices.Concat(lists...)
	var out []string
	for _, kv := range environ {
		key, _, ok := strings.Cut(kv, "=")
		if ok && key != "" && slices.ContainsFunc(names, func(name string) bool { return matches(name, key) }) {
			out = append(out, kv)
		}
	}
	slices.Sort(out)
	return out
}

func matches(name, key string) bool {
	if prefix, ok := strings.CutSuffix(name, "*"); ok {
		return len(key) >= len(prefix) && sameName(prefix, key[:len(prefix)])
	}
	return sameName(name, key)
}
