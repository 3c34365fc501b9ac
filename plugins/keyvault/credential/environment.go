package credential

import (
	"os"
	"slices"
	"strings"
	"sync"
)

// environmentMu keeps two credentials from being made under each other's
// variables. The environment is process-wide, so this is too.
var environmentMu sync.Mutex

// withEnvironment runs make while the variable has value, for options that the
// SDK reads from nowhere else; an empty value leaves the variable alone.
func withEnvironment(key, value string, make func() error) error {
	if value == "" {
		return make()
	}
	environmentMu.Lock()
	defer environmentMu.Unlock()
	before, had := os.LookupEnv(key)
	if err := os.Setenv(key, value); err != nil {
		return err
	}
	defer func() {
		if had {
			_ = os.Setenv(key, before)
		} else {
			_ = os.Unsetenv(key)
		}
	}()
	return make()
}

// Variables returns the names, never the values, of those variables of environ
// (as os.Environ returns it) that decide which identity is used and how its
// endpoints are reached.
func Variables(environ []string) []string {
	var names []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		for _, prefix := range []string{"AZURE_", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT",
			"IMDS_ENDPOINT", "MSI_", "DEFAULT_IDENTITY_CLIENT_ID", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE"} {
			if strings.HasPrefix(upper, prefix) {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return names
}
