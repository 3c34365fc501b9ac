package compat_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
)

// vaultURI is the name that the fake vault answers to.
const vaultURI = "https://contoso-im.vault.azure.net/"

// vault starts the fake vault and returns the variables by which the plugin
// reaches it: a proxy leads every connection there, its authority is trusted, and
// there is a principal that may sign in.
func vault(t *testing.T) []string {
	t.Helper()
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = release.Build(t.Context(), release.Config{Workspace: w, Version: release.Version, Out: dir, Target: release.Host(), Binaries: []release.Binary{release.FakeVault()}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "fakevault"), "-dir", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the fake vault says %q, %v", line, err)
	}
	var access struct{ Address, Tenant, ClientID, ClientSecret string }
	text, err := os.ReadFile(filepath.Join(dir, "access.json"))
	if err == nil {
		err = json.Unmarshal(text, &access)
	}
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"HTTPS_PROXY=" + proxyTo(t, access.Address), "SSL_CERT_FILE=" + filepath.Join(dir, "ca.pem"),
		"AZURE_TENANT_ID=" + access.Tenant, "AZURE_CLIENT_ID=" + access.ClientID, "AZURE_CLIENT_SECRET=" + access.ClientSecret,
	}
}

// proxyTo serves an HTTP proxy whose tunnels all lead to one address.
func proxyTo(t *testing.T, address string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || !strings.HasSuffix(r.Host, ":443") {
			http.Error(w, "only tunnels to port 443", http.StatusForbidden)
			return
		}
		server, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer server.Close()
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		}()
		_, _ = io.Copy(client, server)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
