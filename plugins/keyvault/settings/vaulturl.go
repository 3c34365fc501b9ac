package settings

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

// cloud is one Azure cloud: the suffix of its vaults and its login endpoint.
// Source: the service's documentation of sovereign clouds.
type cloud struct{ suffix, authority string }

func clouds() []cloud {
	return []cloud{
		{".vault.azure.net", ""},
		{".vault.azure.cn", "https://login.chinacloudapi.cn/"},
		{".vault.usgovcloudapi.net", "https://login.microsoftonline.us/"},
	}
}

// hostForm is a full name of letters, digits and hyphens whose last part is no
// number, as it would be in an IP address however written.
var hostForm = regexp.MustCompile(`^([0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?\.)+[A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?$`)

// maxHostBytes is the limit of DNS.
const maxHostBytes = 253

// vaultNameForm holds for the first label of a vault's host. The length, 3 to 24
// characters, is checked beside it.
var vaultNameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

const exampleVault = "https://contoso-im.vault.azure.net/"

// vaultURL checks and normalises the address of the vault. The SDK itself takes
// anything and fails later, in words that do not lead to the cause.
func vaultURL(text string, problems *diag.List) (address, host, authority string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" {
		problems.Errorf("", "is not a complete address; expected the form %s", exampleVault)
		return "", "", ""
	}
	host = strings.TrimSuffix(u.Hostname(), ".")
	before := len(problems.Errors())
	if !strings.EqualFold(u.Scheme, "https") {
		problems.Errorf("", "must begin with https://")
	}
	if u.User != nil {
		problems.Errorf("", "must not contain a user name or password")
	}
	if u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		problems.Errorf("", "must not contain a query or fragment")
	}
	if strings.Trim(u.Path, "/") != "" {
		problems.Errorf("", "must end after the host; expected the form %s", exampleVault)
	}
	if port := u.Port(); port != "" && port != "443" {
		problems.Errorf("", "must not name a port other than 443: "+
			"the Azure SDK compares host and port with the vault's domain and refuses to send a token otherwise")
	}
	host = checkHost(host, problems)
	if len(problems.Errors()) > before {
		return "", "", ""
	}
	for _, c := range clouds() {
		if strings.HasSuffix(host, c.suffix) {
			return "https://" + host, host, c.authority
		}
	}
	problems.Warnf("", "does not end in the suffix of a cloud we know (.vault.azure.net, .vault.azure.cn, .vault.usgovcloudapi.net); "+
		"set %s if this cloud signs in elsewhere than login.microsoftonline.com", KeyAuthorityHost)
	return "https://" + host, host, ""
}

// checkHost returns the host in lower case.
func checkHost(host string, problems *diag.List) string {
	if _, err := netip.ParseAddr(host); err == nil {
		problems.Errorf("", "must name the vault's host, not an IP address: certificate and sign-in are bound to the name")
		return ""
	}
	if !hostForm.MatchString(host) || len(host) > maxHostBytes || strings.Count(host, ".") < 2 {
		problems.Errorf("", "is not the full name of a vault; expected the form %s", exampleVault)
		return ""
	}
	// Not before it is known to be ASCII: other letters become Latin ones.
	host = strings.ToLower(host)
	switch {
	case strings.Contains("."+host, ".managedhsm."):
		problems.Errorf("", "names a managed HSM, which holds keys only; expected a vault such as %s", exampleVault)
		return ""
	case strings.Contains("."+host, ".privatelink."), strings.Contains("."+host, ".vaultcore."):
		problems.Errorf("", "must not be the privatelink name; keep the vault's public name, "+
			"which resolves to the private endpoint inside the network")
		return ""
	}
	for _, c := range clouds() {
		if name, ok := strings.CutSuffix(host, c.suffix); ok || "."+host == c.suffix {
			if len(name) < 3 || len(name) > 24 || !vaultNameForm.MatchString(name) {
				problems.Errorf("", "expected a vault name of 3 to 24 letters, digits and single hyphens before %s", c.suffix)
			}
		}
	}
	return host
}

func checkAuthority(text string, problems *diag.List) {
	u, err := url.Parse(text)
	if err != nil || !strings.EqualFold(u.Scheme, "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		problems.Errorf("", "expected an https address such as https://login.microsoftonline.us/")
	}
}
