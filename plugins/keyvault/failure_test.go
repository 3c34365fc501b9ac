package keyvault_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

func forbidden(inner string) fakevault.Answer {
	return fakevault.Answer{Status: 403, Body: fakevault.Refusal("Forbidden", inner, "said by the vault")}
}

func TestRefusalsOfTheVaultBecomeReasons(t *testing.T) {
	tests := map[string]struct {
		answer fakevault.Answer
		want   fault.Reason
		says   []string
	}{
		"a missing role":                {forbidden("ForbiddenByRbac"), fault.AccessDenied, []string{"Key Vault Secrets User", "get"}},
		"an access policy":              {forbidden("ForbiddenByPolicy"), fault.AccessDenied, []string{`permission "get"`}},
		"the firewall":                  {forbidden("ForbiddenByFirewall"), fault.AccessDenied, []string{"firewall"}},
		"no public access":              {forbidden("ForbiddenByConnection"), fault.AccessDenied, []string{"private endpoint"}},
		"an unknown prohibition":        {forbidden("SomethingNew"), fault.AccessDenied, []string{"Key Vault Secrets User"}},
		"a disabled secret":             {forbidden("SecretDisabled"), fault.Disabled, []string{"enable"}},
		"a vault that is gone":          {fakevault.Answer{Status: 404, Body: fakevault.Refusal("VaultNotFound", "", "said by the vault")}, fault.Unavailable, []string{"no such vault"}},
		"a 404 that is not the vault's": {fakevault.Answer{Status: 404, Body: "<html>said by the vault"}, fault.Unavailable, []string{"something else"}},
		"a deleting secret":             {fakevault.Answer{Status: 409, Body: fakevault.Refusal("Conflict", "ObjectIsBeingDeleted", "said by the vault")}, fault.Unavailable, []string{"being deleted"}},
		"a token that is refused":       {fakevault.Answer{Status: 401, Body: fakevault.Refusal("Unauthorized", "", "said by the vault")}, fault.AuthFailed, []string{"tenant"}},
		"an unknown parameter":          {fakevault.Answer{Status: 400, Body: fakevault.Refusal("BadParameter", "", "said by the vault")}, fault.Internal, nil},
		"throttling":                    {fakevault.Answer{Status: 429, Times: 9, Body: fakevault.Refusal("Throttled", "", "said by the vault")}, fault.Throttled, []string{"rate"}},
		"an outage":                     {fakevault.Answer{Status: 503, Times: 9, Body: fakevault.Refusal("ServiceUnavailable", "", "said by the vault")}, fault.Unavailable, []string{"out of order"}},
		"a redirect":                    {fakevault.Answer{Status: 307, Header: map[string]string{"Location": "https://evil.example/"}, Body: "said by the vault"}, fault.Unavailable, []string{"redirect"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.mustSet(ref, canary)
			tt.answer.Header = merge(tt.answer.Header, "x-ms-request-id", "4711")
			w.fake.Fail(tt.answer)
			_, err := w.get(ref)
			f := wantReason(t, err, tt.want, append(tt.says, string(ref), nameOf(ref), "said by the vault")...)
			var sdk *azcore.ResponseError
			if !errors.As(err, &sdk) || sdk.StatusCode != tt.answer.Status {
				t.Error("the SDK's error is not in the chain")
			}
			if f.RequestID != "4711" || f.Source != fault.SourceBackend {
				t.Errorf("request %q, source %s", f.RequestID, f.Source)
			}
			for _, r := range w.fake.Requests() {
				if r.Host != fakevault.DefaultHost && !strings.HasPrefix(r.Host, "login.") {
					t.Errorf("a request went to %s", r.Host)
				}
			}
		})
	}
}

func merge(m map[string]string, k, v string) map[string]string {
	out := map[string]string{k: v}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func TestAMissingRoleIsNamedForEachOperation(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	set := forbidden("ForbiddenByRbac")
	set.Method = "PUT"
	w.fake.Fail(set)
	_, err := w.set(ref, canary+"!")
	wantReason(t, err, fault.AccessDenied, "Key Vault Secrets Officer", "set secrets")
	w.fake.Fail(forbidden("ForbiddenByRbac"))
	wantReason(t, w.note(w.Delete(w.ctx(), ref)), fault.AccessDenied, "Key Vault Secrets Officer", "delete secrets")
	w.fake.Fail(forbidden("ForbiddenByRbac"))
	_, err = w.List(w.ctx(), provider.ListRequest{Size: 1})
	wantReason(t, w.note(err), fault.AccessDenied, "Key Vault Secrets User", "list secrets")
}

func TestAnEndlessAnswerIsCutToTheContractsLimit(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Fail(fakevault.Answer{Status: 403, Body: fakevault.Refusal("Forbidden", "ForbiddenByRbac", strings.Repeat("ä", 100_000))})
	_, err := w.get(ref)
	if f := wantReason(t, err, fault.AccessDenied); len(f.Message) > contract.MaxTextBytes {
		t.Errorf("the message has %d bytes", len(f.Message))
	}
}

func TestAnswersThatAreNoSecretNeverBecomeOne(t *testing.T) {
	const numeric = "90817263540918273645"
	id := `"id":"https://contoso-im.vault.azure.net/secrets/` + nameOf(ref) + `/0123456789abcdef0123456789abcdef"`
	tests := map[string]struct {
		body string
		want fault.Reason
	}{
		"a page of a proxy":          {"<html>" + canary, fault.Unavailable},
		"a truncated object":         {`{"value":"` + canary, fault.Unavailable},
		"a value that is a number":   {`{"value":` + numeric + `,` + id + `}`, fault.Unavailable},
		"a number beyond every time": {`{"value":"YQ==",` + id + `,"attributes":{"created":` + numeric + `}}`, fault.Unavailable},
		"an object without a value":  {`{` + id + `}`, fault.Corrupt},
		"an object without an id":    {`{"value":"YQ=="}`, fault.Corrupt},
		"another secret":             {`{"value":"YQ==","id":"https://contoso-im.vault.azure.net/secrets/other/0123"}`, fault.Corrupt},
		"another vault":              {`{"value":"YQ==","id":"https://evil.example/secrets/` + nameOf(ref) + `/0123"}`, fault.Corrupt},
		"an id that is no address":   {`{"value":"YQ==","id":"%zz"}`, fault.Corrupt},
		"nothing":                    {``, fault.Corrupt},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.fake.Fail(fakevault.Answer{Status: 200, Body: tt.body})
			got, err := w.get(ref)
			wantReason(t, err, tt.want, string(ref))
			if !got.Value.IsZero() {
				t.Error("a value came with the error")
			}
			w.findNo(numeric)
		})
	}
}

func TestAServerThatQuotesTheValueDoesNotLeakIt(t *testing.T) {
	w := newWorld(t, setting{})
	// The Base64 of the canary, quoted in an error's text.
	body := fakevault.Refusal("BadParameter", "", "bad value Q2FuYXJ5LTdmM2E5LVBhc3N3MHJkIQ==")
	for _, method := range []string{"GET", "PUT"} {
		w.fake.Fail(fakevault.Answer{Method: method, Status: 400, Body: body})
		_, err := w.set(ref, canary)
		wantReason(t, err, fault.Internal, "[secret]")
	}
}

func TestAMalformedChallengeDoesNotPanic(t *testing.T) {
	for name, challenge := range map[string]string{
		"an authority without a path": `Bearer authorization="https://login", resource="https://vault.azure.net"`,
		"no resource":                 `Bearer authorization="https://login.windows.net/x"`,
		"another resource":            `Bearer authorization="https://login.windows.net/x", resource="https://storage.azure.com"`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.fake.Fail(fakevault.Answer{Challenge: true, Status: 401, Header: map[string]string{"WWW-Authenticate": challenge}})
			_, err := w.get(ref)
			if !fault.Is(err, fault.Unavailable, fault.AuthFailed) || !strings.Contains(err.Error(), "challenge") {
				t.Errorf("got %v", err)
			}
			for _, r := range w.fake.Requests() {
				if r.Service == "login" {
					t.Error("a token was asked for")
				}
			}
			if _, err := w.get(ref); !fault.Is(err, fault.NotFound) {
				t.Errorf("the next call fails as well: %v", err)
			}
		})
	}
}

func TestATimeoutNamesTheStepThatTookTooLong(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Fail(fakevault.Answer{Service: "login", Hang: true})
	_, err := w.Get(within(t, 600*time.Millisecond), ref, "")
	wantReason(t, w.note(err), fault.Timeout, "getting an access token", string(ref))

	w.mustSet(ref, canary)
	w.fake.Fail(fakevault.Answer{Hang: true})
	_, err = w.Get(within(t, 600*time.Millisecond), ref, "")
	wantReason(t, w.note(err), fault.Timeout, "waiting for the vault's answer")

	w.fake.Fail(fakevault.Answer{Method: "PUT", Hang: true})
	_, err = w.Set(within(t, 600*time.Millisecond), provider.SetRequest{Ref: ref})
	wantReason(t, w.note(err), fault.Timeout, "may or may not have happened")

	ctx, cancel := context.WithCancel(w.ctx())
	w.fake.Fail(fakevault.Answer{Hang: true})
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = w.Get(ctx, ref, "")
	wantReason(t, w.note(err), fault.Cancelled)
}

func TestTheConfiguredTimeoutEndsACallBeforeItsDeadline(t *testing.T) {
	w := newWorld(t, setting{config: map[string]any{"Timeout": "1s"}})
	w.fake.Fail(fakevault.Answer{Hang: true})
	start := time.Now()
	_, err := w.get(ref)
	wantReason(t, err, fault.Timeout)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
