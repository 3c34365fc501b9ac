package credential_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/credential"
	"github.com/identitymesh/identitymesh/plugins/keyvault/settings"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// env sets variables; a value is a canary unless the case needs a certain one.
type env map[string]string

const (
	canary   = "canary-5b21-do-not-print"
	tenant   = "00000000-0000-0000-0000-00000000000a"
	clientID = "00000000-0000-0000-0000-00000000000c"
	otherID  = "00000000-0000-0000-0000-00000000000d"
)

// newCredential makes a credential in an environment of its own.
func newCredential(t *testing.T, s settings.Settings, variables env) (*credential.Credential, diag.List) {
	t.Helper()
	clearVariables(t, variables)
	return credential.New(credential.Config{Settings: s})
}

// clearVariables leaves only these of the variables that decide who we are.
func clearVariables(t *testing.T, variables env) {
	t.Helper()
	for _, name := range credential.Variables(os.Environ()) {
		t.Setenv(name, "") // so that it is put back
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

func TestWhatIsWrongWithTheEnvironmentIsSaidAtTheStart(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rsaKey, certificate := newCertificate(t, time.Now().Add(time.Hour))
	_, expired := newCertificate(t, time.Now().Add(-time.Hour), rsaKey)
	otherKey, _ := newCertificate(t, time.Now().Add(time.Hour))
	pemFile, token := file("good.pem", certificate+rsaPEM(t, rsaKey)), file("token", canary)
	principal := func(more env) env {
		e := env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_CLIENT_SECRET": canary}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	withCertificate := func(path string) env {
		return env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_CLIENT_CERTIFICATE_PATH": path}
	}
	const (
		chain, environment, workload = settings.Default, settings.Environment, settings.WorkloadIdentity
		managed, cli                 = settings.ManagedIdentity, settings.AzureCLI
	)
	tests := map[string]struct {
		credential settings.Credential
		env        env
		id         string // ManagedIdentityClientId
		// errors and warnings: parts of each that is expected, all in one text joined
		// by "|". None other may be there.
		errors, warnings []string
	}{
		// What is complete is no problem.
		"nothing set, for the chain":                         {credential: chain},
		"nothing set, for a managed identity":                {credential: managed},
		"nothing set, for the CLI":                           {credential: cli},
		"a service principal, in the chain":                  {credential: chain, env: principal(nil)},
		"a service principal by name":                        {credential: environment, env: principal(nil)},
		"a certificate, in the chain":                        {credential: chain, env: withCertificate(pemFile)},
		"workload identity, in the chain":                    {credential: chain, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_FEDERATED_TOKEN_FILE": token}},
		"workload identity by name":                          {credential: workload, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_FEDERATED_TOKEN_FILE": token}},
		"a user-assigned identity, in the chain":             {credential: chain, env: env{"AZURE_CLIENT_ID": clientID}},
		"App Service":                                        {credential: chain, env: env{"IDENTITY_ENDPOINT": "http://127.0.0.1:1/x", "IDENTITY_HEADER": canary, "MSI_ENDPOINT": "http://127.0.0.1:1/x", "MSI_SECRET": canary}},
		"Azure Arc":                                          {credential: managed, env: env{"IDENTITY_ENDPOINT": "http://127.0.0.1:40342/x", "IMDS_ENDPOINT": "http://127.0.0.1:40342"}},
		"a half-set principal that a narrowed chain ignores": {credential: chain, env: env{"AZURE_TOKEN_CREDENTIALS": "managedidentitycredential", "AZURE_TENANT_ID": tenant, "AZURE_CLIENT_SECRET": ""}},
		"a half-set principal beside a managed identity":     {credential: managed, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID}},
		"an empty client id that a setting replaces":         {credential: managed, env: env{"AZURE_CLIENT_ID": ""}, id: clientID},
		"an empty client id beside the CLI":                  {credential: cli, env: env{"AZURE_CLIENT_ID": ""}},
		"an authority that a narrowed chain ignores":         {credential: chain, env: env{"AZURE_TOKEN_CREDENTIALS": "dev", "AZURE_AUTHORITY_HOST": "http://" + canary}},

		// Set but empty.
		"an empty client id, in the chain":          {credential: chain, env: env{"AZURE_CLIENT_ID": ""}, errors: []string{"AZURE_CLIENT_ID is set but empty"}},
		"a blank client id, for a managed identity": {credential: managed, env: env{"AZURE_CLIENT_ID": " \t"}, errors: []string{"AZURE_CLIENT_ID is set but empty"}},
		"an empty choice, in the chain":             {credential: chain, env: env{"AZURE_TOKEN_CREDENTIALS": ""}, errors: []string{"AZURE_TOKEN_CREDENTIALS is set but empty"}},
		"an empty secret, in the chain":             {credential: chain, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_CLIENT_SECRET": ""}, errors: []string{"AZURE_CLIENT_SECRET is set but empty"}},
		"an empty token file, in the chain":         {credential: chain, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_FEDERATED_TOKEN_FILE": ""}, errors: []string{"AZURE_FEDERATED_TOKEN_FILE is set but empty"}},

		// Half set.
		"a tenant alone, in the chain":            {credential: chain, env: env{"AZURE_TENANT_ID": tenant}, errors: []string{"service principal|set AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH, or unset AZURE_TENANT_ID"}},
		"a tenant and a client, in the chain":     {credential: chain, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID}, errors: []string{"set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"}},
		"a secret alone, in the chain":            {credential: chain, env: env{"AZURE_CLIENT_SECRET": canary}, errors: []string{"set AZURE_TENANT_ID, AZURE_CLIENT_ID, or unset AZURE_CLIENT_SECRET"}},
		"a certificate alone, in the chain":       {credential: chain, env: env{"AZURE_CLIENT_CERTIFICATE_PATH": pemFile}, errors: []string{"set AZURE_TENANT_ID, AZURE_CLIENT_ID, or unset"}},
		"a passphrase alone, in the chain":        {credential: chain, env: env{"AZURE_CLIENT_CERTIFICATE_PASSWORD": canary}, errors: []string{"set AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET"}},
		"a user without a password, in the chain": {credential: chain, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_USERNAME": canary}, errors: []string{"set AZURE_PASSWORD"}},
		"nothing, for a service principal":        {credential: environment, errors: []string{"set AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"}},
		"nothing, for workload identity":          {credential: workload, errors: []string{"workload identity|set AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE"}},
		"a token file alone, in the chain":        {credential: chain, env: env{"AZURE_FEDERATED_TOKEN_FILE": token}, errors: []string{"workload identity|set AZURE_TENANT_ID, AZURE_CLIENT_ID, or unset AZURE_FEDERATED_TOKEN_FILE"}},
		"a client id of the setting does not complete a principal": {credential: chain, id: otherID, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_SECRET": canary},
			errors: []string{"set AZURE_CLIENT_ID, or unset AZURE_TENANT_ID, AZURE_CLIENT_SECRET"}},
		"an endpoint without its header":  {credential: managed, env: env{"IDENTITY_ENDPOINT": "http://" + canary}, errors: []string{"IDENTITY_ENDPOINT is set without IDENTITY_HEADER|IMDS_ENDPOINT"}},
		"a header without its endpoint":   {credential: chain, env: env{"IDENTITY_HEADER": canary}, errors: []string{"IDENTITY_HEADER|set without IDENTITY_ENDPOINT"}},
		"an Arc host without its address": {credential: chain, env: env{"IMDS_ENDPOINT": "http://" + canary}, errors: []string{"IMDS_ENDPOINT|set without IDENTITY_ENDPOINT"}},
		"a legacy secret alone":           {credential: managed, env: env{"MSI_SECRET": canary}, errors: []string{"MSI_SECRET is set without MSI_ENDPOINT"}},
		"everything at once": {credential: chain, env: env{"AZURE_TENANT_ID": "no tenant " + canary, "AZURE_CLIENT_ID": "", "AZURE_CLIENT_SECRET": canary + "\n",
			"AZURE_TOKEN_CREDENTIALS": " ", "AZURE_FEDERATED_TOKEN_FILE": "/" + canary, "IDENTITY_HEADER": canary, "AZURE_AUTHORITY_HOST": "http://" + canary},
			errors: []string{"AZURE_TENANT_ID is no tenant", "AZURE_CLIENT_ID is set but empty", "AZURE_CLIENT_SECRET begins or ends with a blank", "AZURE_TOKEN_CREDENTIALS is set but empty",
				"AZURE_FEDERATED_TOKEN_FILE|cannot be read", "IDENTITY_HEADER", "AZURE_AUTHORITY_HOST is no https address"},
			warnings: []string{"AZURE_FEDERATED_TOKEN_FILE has no effect"}},

		// Files.
		"a certificate that is not there":       {credential: chain, env: withCertificate(filepath.Join(dir, canary)), errors: []string{"AZURE_CLIENT_CERTIFICATE_PATH names cannot be read"}},
		"a certificate that is a folder":        {credential: environment, env: withCertificate(dir), errors: []string{"AZURE_CLIENT_CERTIFICATE_PATH names cannot be read"}},
		"a certificate that is none":            {credential: chain, env: withCertificate(file("none.pem", canary)), errors: []string{"AZURE_CLIENT_CERTIFICATE_PATH names cannot be used|PKCS #12"}},
		"a certificate without its key":         {credential: chain, env: withCertificate(file("nokey.pem", certificate)), errors: []string{"found no private key"}},
		"a certificate with another's key":      {credential: chain, env: withCertificate(file("mixed.pem", certificate+rsaPEM(t, otherKey))), errors: []string{"no RSA private key of a certificate in it"}},
		"a key that is not RSA":                 {credential: chain, env: withCertificate(file("ec.pem", certificate+ecPEM(t))), errors: []string{"no RSA private key of a certificate in it"}},
		"a certificate that has expired":        {credential: chain, env: withCertificate(file("old.pem", expired+rsaPEM(t, rsaKey))), warnings: []string{"AZURE_CLIENT_CERTIFICATE_PATH|expired on"}},
		"a PEM file with a password":            {credential: chain, env: principalFile(pemFile, canary), errors: []string{"AZURE_CLIENT_CERTIFICATE_PATH names cannot be used|PEM without a password"}},
		"a federated token that is not there":   {credential: workload, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_FEDERATED_TOKEN_FILE": filepath.Join(dir, canary)}, errors: []string{"AZURE_FEDERATED_TOKEN_FILE names cannot be read"}},
		"a federated token of nothing":          {credential: workload, env: env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID, "AZURE_FEDERATED_TOKEN_FILE": file("empty", "\n")}, errors: []string{"AZURE_FEDERATED_TOKEN_FILE names is empty"}},
		"a secret and a certificate":            {credential: chain, env: principal(env{"AZURE_CLIENT_CERTIFICATE_PATH": "/" + canary}), warnings: []string{"AZURE_CLIENT_CERTIFICATE_PATH has no effect beside AZURE_CLIENT_SECRET"}},
		"a service principal and a token file":  {credential: chain, env: principal(env{"AZURE_FEDERATED_TOKEN_FILE": token}), warnings: []string{"AZURE_FEDERATED_TOKEN_FILE has no effect"}},
		"a secret that ends with a line break":  {credential: environment, env: principal(env{"AZURE_CLIENT_SECRET": canary + "\n"}), errors: []string{"AZURE_CLIENT_SECRET begins or ends with a blank"}},
		"a tenant that cannot be one":           {credential: environment, env: principal(env{"AZURE_TENANT_ID": "contoso com"}), errors: []string{"AZURE_TENANT_ID is no tenant"}},
		"an authority without https":            {credential: environment, env: principal(env{"AZURE_AUTHORITY_HOST": "http://" + canary}), errors: []string{"AZURE_AUTHORITY_HOST is no https address"}},
		"an authority without https, in chains": {credential: chain, env: principal(env{"AZURE_AUTHORITY_HOST": canary}), errors: []string{"AZURE_AUTHORITY_HOST is no https address"}},

		// Choices.
		"a choice that is none":                 {credential: chain, env: env{"AZURE_TOKEN_CREDENTIALS": canary}, errors: []string{"AZURE_TOKEN_CREDENTIALS names no source|prod, dev"}},
		"a choice in a case that is not taken":  {credential: chain, env: env{"AZURE_TOKEN_CREDENTIALS": "PROD"}, errors: []string{"AZURE_TOKEN_CREDENTIALS names no source"}},
		"a choice beside a named credential":    {credential: managed, env: env{"AZURE_TOKEN_CREDENTIALS": ""}, warnings: []string{"AZURE_TOKEN_CREDENTIALS has no effect while this is managedIdentity"}},
		"a leftover client id beside a setting": {credential: chain, env: env{"AZURE_CLIENT_ID": clientID}, id: otherID, errors: []string{"ManagedIdentityClientId: differs from the environment variable AZURE_CLIENT_ID"}},
		"a user-assigned identity where there are none": {credential: chain, env: env{"AZURE_CLIENT_ID": clientID, "MSI_ENDPOINT": "http://127.0.0.1:1"},
			errors: []string{"Cloud Shell doesn't support user-assigned"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cred, problems := newCredential(t, settings.Settings{Credential: tt.credential, ManagedIdentityClientID: tt.id}, tt.env)
			match(t, "error", problems.Errors(), tt.errors)
			match(t, "warning", problems.Warnings(), tt.warnings)
			if problems.HasErrors() != (cred == nil) {
				t.Errorf("a credential %v beside %v", cred, problems)
			}
			for _, p := range problems {
				if strings.Contains(p.String(), canary) || strings.Contains(p.String(), dir) {
					t.Errorf("a problem says what a variable holds: %s", p)
				}
			}
		})
	}
}

// TestAFileOfTodaysPKCS12IsRefusedWithWhatIsTaken: what Windows and OpenSSL write now the identity library does
// not read, and the operator is told what it does.
func TestAFileOfTodaysPKCS12IsRefusedWithWhatIsTaken(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("SKIPPED: openssl, which makes the file, is not on the PATH")
	}
	dir := t.TempDir()
	key, certificate := newCertificate(t, time.Now().Add(time.Hour))
	pemFile, file := filepath.Join(dir, "in.pem"), filepath.Join(dir, "out.pfx")
	if err := os.WriteFile(pemFile, []byte(certificate+rsaPEM(t, key)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		options    []string
		passphrase string
		want       []string
	}{
		"with the algorithms of today":             {nil, canary, []string{"AZURE_CLIENT_CERTIFICATE_PATH names cannot be used|3DES and SHA-1"}},
		"with the old ones":                        {[]string{"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"}, canary, nil},
		"with the old ones and the wrong password": {[]string{"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"}, "other-" + canary, []string{"password"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(openssl, append([]string{"pkcs12", "-export", "-in", pemFile, "-out", file, "-passout", "pass:" + canary}, tt.options...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Skipf("SKIPPED: this openssl does not make the file: %v\n%s", err, out)
			}
			_, problems := newCredential(t, settings.Settings{Credential: settings.Default}, principalFile(file, tt.passphrase))
			match(t, "error", problems.Errors(), tt.want)
			if strings.Contains(fmt.Sprint(problems), canary) {
				t.Errorf("a problem says the password: %v", problems)
			}
		})
	}
}

// match wants each of the problems to be one of wanted and the other way round.
func match(t *testing.T, kind string, problems diag.List, wanted []string) {
	t.Helper()
	left := slices.Clone(wanted)
	for _, p := range problems {
		i := slices.IndexFunc(left, func(want string) bool {
			for part := range strings.SplitSeq(want, "|") {
				if !strings.Contains(p.String(), part) {
					return false
				}
			}
			return true
		})
		if i < 0 {
			t.Errorf("unexpected %s: %s", kind, p)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		t.Errorf("no %s says %q among %v", kind, left, problems)
	}
}

func principalFile(path, passphrase string) env {
	return env{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID,
		"AZURE_CLIENT_CERTIFICATE_PATH": path, "AZURE_CLIENT_CERTIFICATE_PASSWORD": passphrase}
}

// newCertificate returns a key, that of keys when one is given, and a PEM block.
func newCertificate(t *testing.T, until time.Time, keys ...*rsa.PrivateKey) (*rsa.PrivateKey, string) {
	t.Helper()
	if len(keys) == 0 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "identitymesh"},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, keys[0].Public(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	return keys[0], string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

func rsaPEM(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func ecPEM(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}
