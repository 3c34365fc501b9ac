package vault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// answering gives every request with a token the same answer.
func answering(status int, body string, header ...string) *stub {
	return &stub{answer: func(*http.Request) (*http.Response, error) { return respond(status, body, header...), nil }}
}

func TestEachCodeOfTheVaultHasItsReasonAndItsWords(t *testing.T) {
	tests := map[string]struct {
		status              int
		code, inner, detail string
		want                fault.Reason
		says, see           string
	}{
		"disabled":                      {403, "Forbidden", "SecretDisabled", "", fault.Disabled, "enable it", ""},
		"no role":                       {403, "Forbidden", "ForbiddenByRbac", "", fault.AccessDenied, "assign it the role Key Vault Secrets User", ""},
		"no policy":                     {403, "Forbidden", "ForbiddenByPolicy", "", fault.AccessDenied, `access policy does not give the identity the secret permission "get"`, ""},
		"the firewall":                  {403, "Forbidden", "ForbiddenByFirewall", "", fault.AccessDenied, "firewall does not admit", ""},
		"no public access":              {403, "Forbidden", "ForbiddenByConnection", "", fault.AccessDenied, "private endpoint", ""},
		"denied, as an inner code":      {403, "Forbidden", "AccessDenied", "", fault.AccessDenied, "the vault denies the identity to get", ""},
		"denied, as the only code":      {403, "AccessDenied", "", "", fault.AccessDenied, "the vault denies the identity to get", ""},
		"forbidden without a reason":    {403, "Forbidden", "", "", fault.AccessDenied, "the role for that is Key Vault Secrets User", ""},
		"forbidden for a new reason":    {403, "Forbidden", "SomethingNew", "", fault.AccessDenied, "the role for that is Key Vault Secrets User", ""},
		"no such secret":                {404, "SecretNotFound", "", "", fault.NotFound, "no such secret", ""},
		"no such vault":                 {404, "VaultNotFound", "", "", fault.Unavailable, "no such vault", "VaultUri"},
		"no such vault, as inner code":  {404, "NotFound", "VaultNotFound", "", fault.Unavailable, "no such vault", "VaultUri"},
		"nothing of a vault":            {404, "", "", "", fault.Unavailable, "not that of a vault", "VaultUri"},
		"deleted":                       {409, "Conflict", "ObjectIsDeletedButRecoverable", "", fault.Deleted, "az keyvault secret recover --name x", ""},
		"being deleted":                 {409, "Conflict", "ObjectIsBeingDeleted", "", fault.Unavailable, "is being deleted", ""},
		"being recovered":               {409, "Conflict", "ObjectIsBeingRecovered", "", fault.Unavailable, "is being recovered", ""},
		"another conflict":              {409, "Conflict", "", "", fault.Unavailable, "in transition", ""},
		"no token came":                 {401, "Unauthorized", "", "AKV10000: Request is missing a Bearer token.", fault.AuthFailed, "take the header Authorization away", ""},
		"a token for another service":   {401, "Unauthorized", "", "AKV10022: Invalid audience.", fault.AuthFailed, "for another service", ""},
		"a token of another tenant":     {401, "Unauthorized", "", "AKV10032: Invalid issuer.", fault.AuthFailed, "AdditionallyAllowedTenants", ""},
		"a token that is not good":      {401, "Unauthorized", "", "AKV10046: Unable to resolve the key.", fault.AuthFailed, "does not accept the access token", ""},
		"a proxy that wants a password": {407, "", "", "", fault.Unavailable, "proxy wants credentials", ""},
		"too large":                     {413, "RequestEntityTooLarge", "", "", fault.TooLarge, "size", ""},
		"a parameter":                   {400, "BadParameter", "", "", fault.Internal, "refuses the request", ""},
	}
	texts := map[string]string{}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.detail == "" {
				tt.detail = "said by the vault"
			}
			body, _ := json.Marshal(map[string]any{"error": map[string]any{"code": tt.code, "message": tt.detail,
				"innererror": map[string]any{"code": "", "innererror": map[string]any{"code": tt.inner}}}})
			s := answering(tt.status, string(body), "x-ms-request-id", "4711", "WWW-Authenticate", challenge)
			_, _, err := s.warm(t, time.Minute).Get(t.Context(), target("x"), "")
			f := wantFault(t, err, tt.want, "get secret://test/x (x in the vault): ", tt.says, tt.detail)
			if f.RequestID != "4711" || f.Source != fault.SourceBackend || f.ConfigPath != tt.see {
				t.Errorf("request %q, source %s, config path %q", f.RequestID, f.Source, f.ConfigPath)
			}
			own, _, _ := strings.Cut(f.Message, ": GET")
			if other, has := texts[own]; has && !strings.HasPrefix(name, strings.Fields(other)[0]) {
				t.Errorf("has the words of %q: %s", other, own)
			}
			texts[own] = name
		})
	}
}

func TestARefusalKeepsNothingOfItsRequest(t *testing.T) {
	s := answering(403, refusal("Forbidden", "ForbiddenByRbac"))
	s.answer = func(r *http.Request) (*http.Response, error) {
		response := respond(403, refusal("Forbidden", "ForbiddenByRbac"))
		response.Request = r
		return response, nil
	}
	c := s.warm(t, time.Minute)
	_, err := c.Set(t.Context(), target("x"), vault.Write{Text: value})
	var sdk *azcore.ResponseError
	if !errors.As(err, &sdk) {
		t.Fatal(err)
	}
	if r := sdk.RawResponse.Request; r.Body != nil || len(r.Header) != 0 || r.GetBody != nil {
		t.Errorf("the error holds a body or the headers %v", r.Header)
	}
	wantFault(t, err, fault.AccessDenied, "PUT https://"+host+"/secrets/x")
}

func TestALongRefusalIsCutAndItsCodesAreNot(t *testing.T) {
	inner := func(message string) string {
		return `{"error":{"code":"Forbidden","message":` + message + `,"innererror":{"code":"ForbiddenByFirewall"}}}`
	}
	tests := map[string]struct {
		body string
		want string
	}{
		"a long message before the inner code":     {inner(`"` + strings.Repeat("ä", 20_000) + `"`), "firewall"},
		"a message that JSON writes as six times":  {inner(`"` + strings.Repeat(`\u0001<`, 5_000) + `"`), "firewall"},
		"a message nested deep":                    {inner(strings.Repeat("[", 1500) + strings.Repeat("]", 1500)), "firewall"},
		"inner codes nested deep":                  {`{"error":{"code":"Forbidden","innererror":` + strings.Repeat(`{"innererror":`, 1000) + `{"code":"ForbiddenByFirewall"}` + strings.Repeat("}", 1000) + `}}`, "firewall"},
		"a long code":                              {`{"error":{"code":"` + strings.Repeat("x", 30_000) + `","message":"m"}}`, "the role for that"},
		"a page of a proxy":                        {"<html>" + strings.Repeat("blocked ", 8_000), "the role for that"},
		"JSON of another form, nested deep":        {strings.Repeat("[", 2000) + strings.Repeat("]", 2000), "the role for that"},
		"JSON that is larger than what is read":    {inner(`"` + strings.Repeat("x", 200_000) + `"`), "the role for that"},
		"an inner error that is a text":            {`{"error":{"code":"Forbidden","innererror":"ForbiddenByFirewall"}}`, "the role for that"},
		"no more than is kept":                     {inner(`"short"`), "firewall"},
		"XML with a code as other services answer": {"<Error><Code>AuthenticationFailed</Code></Error>" + strings.Repeat(" ", 9_000), "the role for that"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if len(tt.body) > 64<<10 {
				tt.body = tt.body[:64<<10] // as the transport cuts it
			}
			_, _, err := answering(403, tt.body).warm(t, time.Minute).Get(t.Context(), target("x"), "")
			wantFault(t, err, fault.AccessDenied, tt.want)
			var sdk *azcore.ResponseError
			if !errors.As(err, &sdk) {
				t.Fatal("the SDK's error is not in the chain")
			}
			if tt.want == "firewall" && !strings.Contains(sdk.Error(), "ForbiddenByFirewall") {
				t.Errorf("the code is not printed: %s", sdk.Error())
			}
			body, e := runtime.Payload(sdk.RawResponse)
			if e != nil || len(body) > 4<<10 || len(sdk.Error()) > 6<<10 {
				t.Errorf("%d bytes are kept, %d printed, %v", len(body), len(sdk.Error()), e)
			}
		})
	}
}

func TestAnAnswerThatIsNoSecretSaysSoWithItsRequestAndWithoutItsText(t *testing.T) {
	id := `"id":"https://` + host + `/secrets/x/0123"`
	tests := map[string]struct {
		body, version string
		want          fault.Reason
		says          string
	}{
		"null for a value":   {`{"value":null,` + id + `}`, "", fault.Corrupt, "without a value"},
		"no value":           {`{` + id + `}`, "", fault.Corrupt, "without a value"},
		"an empty object":    {`{}`, "", fault.Corrupt, "another secret"},
		"null":               {`null`, "", fault.Corrupt, "another secret"},
		"an array":           {`["` + value + `"]`, "", fault.Unavailable, "could not be read"},
		"another version":    {`{"value":"` + value + `",` + id + `}`, "4567", fault.Corrupt, "another version"},
		"a deleted secret":   {`{"value":"` + value + `","id":"https://` + host + `/deletedsecrets/x/0123"}`, "", fault.Corrupt, "another secret"},
		"a key":              {`{"value":"` + value + `","id":"https://` + host + `/keys/x/0123"}`, "", fault.Corrupt, "another secret"},
		"no version":         {`{"value":"` + value + `","id":"https://` + host + `/secrets/x"}`, "", fault.Corrupt, "another secret"},
		"a page of a proxy":  {`<html>` + value, "", fault.Unavailable, "something else may be answering"},
		"a truncated object": {`{"value":"` + value, "", fault.Unavailable, "could not be read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := answering(200, tt.body, "x-ms-request-id", "4711")
			text, p, err := s.warm(t, time.Minute).Get(t.Context(), target("x"), tt.version)
			f := wantFault(t, err, tt.want, "secret://test/x (x in the vault)", tt.says)
			if f.RequestID != "4711" || text != "" || p.Name != "" {
				t.Errorf("request %q, came with %q of %q", f.RequestID, text, p.Name)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(fmt.Sprintf("%v %+v", e, e), value) {
					t.Error("the error holds the value")
				}
			}
			if n := s.count(true); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// FuzzAnAnswerIsTheSecretOrAFault of whatever status, headers and body.
func FuzzAnAnswerIsTheSecretOrAFault(f *testing.F) {
	good := `{"value":"` + value + `","id":"https://` + host + `/secrets/x/0123","attributes":{"enabled":true,"nbf":1,"exp":2},"tags":{"a":"b","c":null}}`
	for _, body := range []string{good, good[:40], "", "null", "[]", `{"value":1}`, `{"value":null}`, `{"id":"https://` + host + `"}`, `{"id":"%zz","value":"a"}`,
		refusal("Forbidden", "SecretDisabled"), `{"error":{"code":1}}`, `{"error":null}`, "<html>", `{"value":"a","attributes":{"exp":1e400}}`, `{"value":"a","attributes":{"exp":-9223372036854775808}}`} {
		for _, status := range []int{200, 204, 301, 401, 403, 404, 409, 413, 600} {
			f.Add(status, body, "Retry-After", "1")
		}
	}
	f.Add(403, "{}", "x-ms-error-code", strings.Repeat("x", 5000))
	f.Add(404, "{}", "x-ms-request-id", strings.Repeat("x", 5000))
	f.Fuzz(func(t *testing.T, status int, body, key, text string) {
		if status < 200 || status > 999 || status == 408 || status == 429 || status >= 500 && status <= 504 || len(body) > 64<<10 ||
			http.CanonicalHeaderKey(key) == "Location" {
			t.Skip("not an answer, tried again, or bounded before")
		}
		s := answering(status, body, key, text)
		c := s.warm(t, time.Minute)
		got, p, err := c.Get(t.Context(), target("x"), "")
		if n := s.count(true); n > 2 {
			t.Errorf("it was asked for %d times: %v", n, err)
		}
		if err == nil {
			var want struct{ Value *string }
			if json.Unmarshal([]byte(body), &want) != nil || want.Value == nil || *want.Value != got || !strings.EqualFold(p.Name, "x") || p.Version == "" {
				t.Errorf("got %q of %+v from %s", got, p, body)
			}
			return
		}
		var fa *fault.Error
		if !errors.As(err, &fa) || len(fa.Message) > contract.MaxTextBytes || len(fa.RequestID) > 256 || got != "" {
			t.Errorf("got %q, %v", got, err)
		}
		if strings.Contains(s.logs.String(), "panicked") {
			t.Errorf("the SDK panicked: %s", s.logs.String())
		}
	})
}
