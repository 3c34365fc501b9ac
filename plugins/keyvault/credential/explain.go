package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/identitymesh/identitymesh/plugins/keyvault/settings"
)

// Error is a failure to get a token: what failed and what to do, before the
// identity library's own words. The library's error is in the chain.
type Error struct {
	// Advice is a sentence for operators. It names the source, the step and the
	// setting or command that helps.
	Advice string
	cause  error
	over   error
}

// Error returns the advice and the cause.
func (e *Error) Error() string { return e.Advice + ": " + e.cause.Error() }

// Unwrap returns the identity library's error, and that of the context.
func (e *Error) Unwrap() []error {
	if e.over == nil {
		return []error{e.cause}
	}
	return []error{e.cause, e.over}
}

var errNoToken = errors.New("the answer holds no token")

func (c *Credential) explain(ctx context.Context, tenant string, last step, err error) error {
	if last.host == "" && !c.mayAsk(tenant) {
		return &Error{Advice: c.name + ": the vault belongs to another tenant than this identity; if the application is known there, name " +
			"that tenant in " + settings.KeyAdditionallyAllowedTenants, cause: err}
	}
	return &Error{Advice: c.advice(ctx.Err() != nil, last, err), cause: err, over: ctx.Err()}
}

// mayAsk repeats the identity library's decision, whose error has no type of its
// own.
func (c *Credential) mayAsk(tenant string) bool {
	return tenant == "" || tenant == c.home || (c.home == "" && len(c.tenants) == 0) ||
		slices.Contains(c.tenants, tenant) || slices.Contains(c.tenants, "*")
}

func (c *Credential) advice(over bool, last step, err error) string {
	inChain := c.name == nameDefault
	switch {
	case last.host == "" && c.name == nameCLI:
		return c.name + ": " + cliAdvice(over)
	case last.host == "" || (last.abandoned && inChain):
		// The chain has gone through all that makes requests.
		if over && inChain {
			return c.name + ": the Azure CLI or one of its like did not answer in time, and all that comes before them is not set up; " + chainAdvice
		}
		if inChain {
			return c.name + ": " + chainAdvice
		}
		return c.name + ": no token was asked for"
	case last.host == c.managed.host:
		return nameManaged + ": " + c.managedAdvice(last)
	}
	return c.name + ": " + signInAdvice(last, err)
}

const chainAdvice = "give this host a managed identity, or set up another source, and name it in " + settings.KeyCredential

func cliAdvice(over bool) string {
	if over {
		return "the command az did not answer in time; run it by hand as the user that this process runs as: " + cliProof
	}
	if _, err := exec.LookPath("az"); err != nil {
		return "the command az is not on the PATH of this process; install the Azure CLI for all users, or choose another " + settings.KeyCredential
	}
	return "the command az gave no token; as the user that this process runs as, run az login, and then " + cliProof
}

const cliProof = "az account get-access-token --resource https://vault.azure.net"

func (c *Credential) managedAdvice(last step) string {
	where := fmt.Sprintf("%s (%s)", c.managed.name, last.host)
	switch {
	case last.status == 0:
		return where + " did not answer; check that this host has a managed identity and that no firewall is between, or choose another " + settings.KeyCredential
	case last.status == http.StatusBadRequest && c.clientIDFrom != "":
		return fmt.Sprintf("this host has no managed identity with the client id that %s names; assign that identity to the host, or correct or remove %s",
			c.clientIDFrom, c.clientIDFrom)
	case last.status == http.StatusBadRequest:
		return where + " has none of this host's own; turn it on, or name a user-assigned one in " + settings.KeyManagedIdentityClientID
	case last.status == http.StatusUnauthorized:
		return where + " asks for a proof that this process cannot give; for Azure Arc, put its user into the group himds"
	case last.status < 300:
		return where + " gave an answer that holds no token; is it a proxy?"
	}
	return fmt.Sprintf("%s answered %d %s, again and again; if that lasts, restart this host's agent or the host", where, last.status, http.StatusText(last.status))
}

func signInAdvice(last step, err error) string {
	where := "the sign-in endpoint " + last.host
	if last.status == 0 {
		return where + " did not answer; allow HTTPS to it in firewalls and proxies"
	}
	codes := codesOf(err)
	for _, known := range entraCodes() {
		if slices.ContainsFunc(codes, func(n int) bool { return slices.Contains(known.numbers, n) }) {
			return known.advice
		}
	}
	if last.status >= 300 {
		return fmt.Sprintf("%s answered %d %s", where, last.status, http.StatusText(last.status))
	}
	return where + " gave an answer that cannot be used"
}

type entraCode struct {
	numbers []int
	advice  string
}

// entraCodes are those refusals of Microsoft Entra ID that a service's set-up
// causes. Source: its documentation of AADSTS error codes.
func entraCodes() []entraCode {
	return []entraCode{
		{[]int{7000215}, "the client secret is wrong; set " + varSecret + " to the secret's value, not its id"},
		{[]int{7000222}, "the client secret has expired; make a new one and set " + varSecret},
		{[]int{700016, 700038}, "the tenant does not know the application; check " + varClient + " and " + varTenant},
		{[]int{90002, 900023}, "there is no such tenant; check " + varTenant + " and the cloud"},
		{[]int{700027, 700024}, "the application does not accept the certificate or the time of its proof; " +
			"add the certificate to the application, check its dates and this host's clock"},
		{[]int{70021, 700211, 700212, 700213}, "the application has no federated credential for the token of " + varFederated +
			"; compare issuer, subject and audience"},
		{[]int{53003, 530004}, "a conditional access policy forbids this sign-in"},
	}
}

// codesOf reads the numbers from the answer that the identity library keeps.
func codesOf(err error) []int {
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil {
		return nil
	}
	var answer struct {
		Codes []int `json:"error_codes"`
	}
	body, err := runtime.Payload(failed.RawResponse)
	if err != nil || json.Unmarshal(body, &answer) != nil {
		return nil
	}
	return answer.Codes
}
