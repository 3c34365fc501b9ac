// Package cloud is the demo's Azure: the fake vault as a process, found by the
// product under the real names of the vault and of the sign-in service, so that
// the product runs as it would in front of the real ones, with no switch for tests.
//
// The names lead to the fake for the demo's own processes only. Start reading at
// [Enter], which comes first, and [Start].
package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/process"
)

// VaultHost is the vault of the demo.
const VaultHost = "contoso-im.vault.azure.net"

// names are those that lead to the fake.
func names() []string {
	return []string{VaultHost, "login.microsoftonline.com", "login.windows.net"}
}

const startTime = 30 * time.Second

// Config says how to run the fake.
type Config struct {
	// Program is the fake vault's.
	Program string
	// Address is the IP address of loopback on which it serves port 443.
	Address string
}

// Cloud is a running fake.
type Cloud struct {
	program *process.Process
	dir     string
	access  struct{ Tenant, ClientID, ClientSecret, IdentityEndpoint string }
}

// Start starts the fake and returns when it serves. What it keeps lives as long as
// it runs.
func Start(ctx context.Context, c Config) (*Cloud, error) {
	cloud := &Cloud{}
	if err := cloud.start(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("start the demo's cloud: %w", err), cloud.Stop())
	}
	return cloud, nil
}

func (c *Cloud) start(ctx context.Context, config Config) (err error) {
	if c.dir, err = os.MkdirTemp("", "identitymesh-cloud-"); err != nil {
		return err
	}
	c.program, err = process.Start(process.Config{
		Name: "fakevault", Path: config.Program, Dir: c.dir, Log: filepath.Join(c.dir, "log"),
		Args: []string{"-listen", net.JoinHostPort(config.Address, "443"), "-vaults", VaultHost, "-dir", c.dir},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := c.program.WaitReady(ctx, process.Says("ready")); err != nil {
		return fmt.Errorf("%w; if the address is not free, choose another one of loopback: bin/tools/demo up --cloud-address ADDRESS with --provider AzureKeyVault, or with --vault", err)
	}
	file := filepath.Join(c.dir, "access.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	// The client secret has no business on the disk once it is known.
	return errors.Join(json.Unmarshal(text, &c.access), os.Remove(file))
}

// Settings is the section Secrets of the product's configuration, with that provider
// in force; another one than AzureKeyVault leaves the vault for a migration.
func (c *Cloud) Settings(provider string) map[string]any {
	return map[string]any{"Provider": provider, "KeyVault": map[string]any{"VaultUri": c.URL()}}
}

// Environment is what a host has that signs in with a service principal, and that
// trusts the fake's certificates. No proxy knows the fake.
func (c *Cloud) Environment() []string {
	return []string{
		"AZURE_TENANT_ID=" + c.access.Tenant, "AZURE_CLIENT_ID=" + c.access.ClientID, "AZURE_CLIENT_SECRET=" + c.access.ClientSecret,
		"SSL_CERT_FILE=" + filepath.Join(c.dir, "ca.pem"), "NO_PROXY=*", "no_proxy=*",
	}
}

// URL is the address of the vault.
func (c *Cloud) URL() string { return "https://" + VaultHost + "/" }

// Control is the address below which the fake is told what to do.
func (c *Cloud) Control() string {
	return strings.TrimSuffix(c.access.IdentityEndpoint, "/msi/token") + "/control/"
}

// Stop stops the fake, which forgets everything.
func (c *Cloud) Stop() error {
	var problems []error
	if c.program != nil {
		problems = append(problems, c.program.Stop())
	}
	if c.dir != "" {
		problems = append(problems, os.RemoveAll(c.dir))
	}
	return errors.Join(problems...)
}
