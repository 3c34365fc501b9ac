package credential

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"

	"github.com/identitymesh/identitymesh/plugins/keyvault/settings"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// Variables that decide who we are. The identity library reads them; it passes
// over what is half set, and then another identity is used without a word.
const (
	varChain         = "AZURE_TOKEN_CREDENTIALS"
	varTenant        = "AZURE_TENANT_ID"
	varClient        = "AZURE_CLIENT_ID"
	varSecret        = "AZURE_CLIENT_SECRET"
	varCertificate   = "AZURE_CLIENT_CERTIFICATE_PATH"
	varPassphrase    = "AZURE_CLIENT_CERTIFICATE_PASSWORD"
	varUser          = "AZURE_USERNAME"
	varPassword      = "AZURE_PASSWORD"
	varFederated     = "AZURE_FEDERATED_TOKEN_FILE"
	varAuthority     = "AZURE_AUTHORITY_HOST"
	varTenants       = "AZURE_ADDITIONALLY_ALLOWED_TENANTS"
	varIdentity      = "IDENTITY_ENDPOINT"
	varIdentityProof = "IDENTITY_HEADER"
	varArc           = "IMDS_ENDPOINT"
	varLegacy        = "MSI_ENDPOINT"
	varLegacyProof   = "MSI_SECRET"
)

var tenantForm = regexp.MustCompile(`^[0-9A-Za-z.-]+$`)

// examination collects what is wrong with the variables that the sources in use
// read. It names variables and never says what they hold.
type examination struct {
	settings settings.Settings
	// The sources in use that read variables.
	environment, workload, managed bool
	// chain is true when a source that is not set up is passed over.
	chain    bool
	problems diag.List
}

// examine finds every problem of the environment at once, as diagnostics about
// the setting that says which source is used.
func examine(s settings.Settings) *examination {
	e := &examination{settings: s}
	e.chooseSources()
	e.findEmpty()
	e.checkServicePrincipal()
	e.checkWorkload()
	e.checkManaged()
	e.checkTexts()
	return e
}

func (e *examination) errorf(format string, args ...any) {
	e.problems.Errorf(settings.KeyCredential, format, args...)
}

func (e *examination) warnf(format string, args ...any) {
	e.problems.Warnf(settings.KeyCredential, format, args...)
}

// isSet: a variable of blanks is as good as none.
func isSet(name string) bool { return strings.TrimSpace(os.Getenv(name)) != "" }

func isEmpty(name string) bool {
	_, present := os.LookupEnv(name)
	return present && !isSet(name)
}

// isPresent is isSet or isEmpty.
func isPresent(name string) bool {
	_, present := os.LookupEnv(name)
	return present
}

// chooseSources reads AZURE_TOKEN_CREDENTIALS as the identity library does:
// "dev" and "prod" in this case only, names of types in any.
func (e *examination) chooseSources() {
	narrowed, present := os.LookupEnv(varChain)
	if e.settings.Credential != settings.Default {
		e.environment = e.settings.Credential == settings.Environment
		e.workload = e.settings.Credential == settings.WorkloadIdentity
		e.managed = e.settings.Credential == settings.ManagedIdentity
		if present {
			e.warnf("the environment variable %s has no effect while this is %s", varChain, e.settings.Credential)
		}
		return
	}
	e.chain = true
	is := func(name string) bool { return strings.EqualFold(narrowed, name) }
	switch {
	case !present || narrowed == "prod":
		e.environment, e.workload, e.managed = true, true, true
	case strings.TrimSpace(narrowed) == "":
		e.errorf("the environment variable %s is set but empty; unset it, or name in it the one source to use", varChain)
		e.environment, e.workload, e.managed = true, true, true
	case is(nameEnvironment):
		e.environment = true
	case is(nameWorkload):
		e.workload = true
	case is(nameManaged):
		e.managed = true
	case narrowed == "dev", is(nameCLI), is("AzureDeveloperCLICredential"), is("AzurePowerShellCredential"):
	default:
		e.errorf("the environment variable %s names no source; expected prod, dev or a name such as %s", varChain, nameManaged)
	}
}

// findEmpty: an empty AZURE_CLIENT_ID turns the managed identity of the chain
// off, an empty one of the others the service principal.
func (e *examination) findEmpty() {
	for _, v := range []struct {
		name string
		read bool
	}{
		{varTenant, e.environment || e.workload},
		{varClient, e.environment || e.workload || (e.managed && e.settings.ManagedIdentityClientID == "")},
		{varSecret, e.environment},
		{varCertificate, e.environment},
		{varFederated, e.workload},
	} {
		if v.read && isEmpty(v.name) {
			e.errorf("the environment variable %s is set but empty; give it its value, or unset it", v.name)
		}
	}
}

// checkServicePrincipal: in the chain the variables of a service principal are
// complete or absent.
func (e *examination) checkServicePrincipal() {
	proofs := []string{varSecret, varCertificate, varUser}
	meant := !e.chain || slices.ContainsFunc(append(proofs, varPassphrase, varPassword), isPresent) ||
		// Workload identity has a tenant too.
		(isPresent(varTenant) && !(e.workload && isPresent(varFederated)))
	if !e.environment || !meant {
		return
	}
	missing := absent(varTenant, varClient)
	if !slices.ContainsFunc(proofs, isPresent) {
		missing = append(missing, varSecret+" or "+varCertificate)
	}
	if isPresent(varUser) && !isSet(varSecret) && !isSet(varCertificate) {
		missing = append(missing, absent(varPassword)...)
	}
	e.incomplete("a service principal", missing, []string{varTenant, varClient, varSecret, varCertificate, varPassphrase, varUser, varPassword})
	switch {
	case isSet(varSecret) && isSet(varCertificate):
		e.warnf("the environment variable %s has no effect beside %s; unset one of them", varCertificate, varSecret)
	case isSet(varCertificate):
		e.checkCertificate()
	}
	if e.workload && len(missing) == 0 && isSet(varFederated) {
		e.warnf("the environment variable %s has no effect: the service principal of the environment comes before it", varFederated)
	}
}

// incomplete reports the names of missing, if any, and which of those that
// belong to them are there.
func (e *examination) incomplete(what string, missing, belong []string) {
	if len(missing) == 0 {
		return
	}
	list := strings.Join(missing, ", ")
	var present []string
	for _, name := range belong {
		if isPresent(name) {
			present = append(present, name)
		}
	}
	if !e.chain || len(present) == 0 {
		e.errorf("the environment variables of %s are incomplete: set %s", what, list)
		return
	}
	e.errorf("the environment variables of %s are incomplete: set %s, or unset %s, or name the identity that you mean here",
		what, list, strings.Join(present, ", "))
}

// absent returns the names that are not in the environment at all; the empty
// ones are reported already.
func absent(names ...string) []string {
	return slices.DeleteFunc(names, isPresent)
}

func (e *examination) checkWorkload() {
	if !e.workload || (e.chain && !isPresent(varFederated)) {
		return
	}
	e.incomplete("workload identity", absent(varTenant, varClient, varFederated), []string{varFederated})
	if isSet(varFederated) {
		content, err := os.ReadFile(os.Getenv(varFederated))
		switch {
		case err != nil:
			e.errorf("the file that the environment variable %s names cannot be read: %v", varFederated, withoutPath(err))
		case strings.TrimSpace(string(content)) == "":
			e.errorf("the file that the environment variable %s names is empty", varFederated)
		}
	}
}

// checkManaged: the endpoint of a managed identity comes with a variable that
// proves the right to use it. Alone it is not used, and the metadata service is
// asked in its place.
func (e *examination) checkManaged() {
	if !e.managed {
		return
	}
	if source, err := managedidentity.GetSource(); err != nil || source == managedidentity.DefaultToIMDS {
		switch {
		case isSet(varIdentity):
			e.errorf("the environment variable %s is set without %s, which App Service sets, or %s, which Azure Arc sets; set it, or unset both",
				varIdentity, varIdentityProof, varArc)
		case isSet(varIdentityProof) || isSet(varArc):
			e.errorf("one of the environment variables %s and %s is set without %s; set that, or unset both", varIdentityProof, varArc, varIdentity)
		case isSet(varLegacyProof):
			e.errorf("the environment variable %s is set without %s; set that, or unset it", varLegacyProof, varLegacy)
		}
	}
	id := e.settings.ManagedIdentityClientID
	if set := os.Getenv(varClient); e.chain && id != "" && isSet(varClient) && !strings.EqualFold(set, id) {
		// The managed identity of the chain takes a client id from this variable only,
		// which the service principal of the chain reads as well.
		e.problems.Errorf(settings.KeyManagedIdentityClientID, "differs from the environment variable %s; "+
			"remove one of them, or set %s to %s", varClient, settings.KeyCredential, settings.ManagedIdentity)
	}
}

// checkTexts: what no value of these can be.
func (e *examination) checkTexts() {
	for _, v := range []struct {
		name string
		read bool
	}{{varClient, e.environment || e.workload || e.managed}, {varSecret, e.environment}, {varFederated, e.workload}} {
		if text := os.Getenv(v.name); v.read && isSet(v.name) && text != strings.TrimSpace(text) {
			e.errorf("the environment variable %s begins or ends with a blank or line break; remove that", v.name)
		}
	}
	if !e.environment && !e.workload {
		return
	}
	if isSet(varTenant) && !tenantForm.MatchString(os.Getenv(varTenant)) {
		e.errorf("the environment variable %s is no tenant: expected its id or domain name, without blanks", varTenant)
	}
	if isSet(varAuthority) && e.settings.AuthorityHost == "" {
		if u, err := url.Parse(os.Getenv(varAuthority)); err != nil || u.Scheme != "https" || u.Host == "" {
			e.errorf("the environment variable %s is no https address; unset it, or set %s", varAuthority, settings.KeyAuthorityHost)
		}
	}
}
