package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const ref = "secret://ad/svc/password"

func TestASecretIsSetDescribedListedAndDeletedAndNeverShown(t *testing.T) {
	w := newWorld(t)
	const canary = "c4nary/\"\\ pässword\U0001F511"
	quoted, _ := json.Marshal(canary)
	c := w.connector("Directory")
	var m api.SecretMetadata
	w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":`+string(quoted)+`,"expires":"2027-01-01T00:00:00Z","tags":{"team":"iam"},"expectedVersion":""}`).is(t, http.StatusOK, &m)
	if got := w.vault.value(ref); got != canary {
		t.Errorf("the store has %q", got)
	}
	if m.Ref != ref || m.Name != "im-4dcca9e40db8d988ebd8f907f7449ec4" || m.Tags["team"] != "iam" || m.Expires.Year() != 2027 {
		t.Errorf("metadata %+v", m)
	}
	if len(m.UsedBy) != 1 || m.UsedBy[0].ConnectorID != c.ID || m.UsedBy[0].ConnectorName != "Directory" {
		t.Errorf("used by %+v", m.UsedBy)
	}
	binary := []byte{0, 0xff, 'c', '4', 'n', 'a', 'r', 'y'}
	w.send("PUT", "/api/secrets", `{"ref":"secret://other","valueBase64":"`+base64.StdEncoding.EncodeToString(binary)+`"}`).is(t, http.StatusOK, nil)
	if got := w.vault.value("secret://other"); got != string(binary) {
		t.Errorf("the store has %q", got)
	}
	w.send("PUT", "/api/secrets", `{"ref":"secret://empty","value":""}`).is(t, http.StatusOK, nil)
	w.send("GET", "/api/secrets/describe?ref="+url.QueryEscape(ref), "").is(t, http.StatusOK, &m)
	var page struct {
		Items    []api.SecretMetadata
		Next     string
		Complete bool
	}
	w.send("GET", "/api/secrets?limit=2", "").is(t, http.StatusOK, &page)
	if len(page.Items) != 2 || page.Next == "" || page.Complete || len(page.Items[0].UsedBy) != 1 {
		t.Errorf("first page %+v", page)
	}
	w.send("GET", "/api/secrets?limit=2&cursor="+url.QueryEscape(page.Next), "").is(t, http.StatusOK, &page)
	if len(page.Items) != 1 || !page.Complete {
		t.Errorf("second page %+v", page)
	}
	w.send("DELETE", "/api/secrets?ref="+url.QueryEscape(ref), "").is(t, http.StatusNoContent, nil)
	w.send("GET", "/api/secrets/describe?ref="+url.QueryEscape(ref), "").problem(t, http.StatusGone, "secret-deleted")
	w.send("DELETE", "/api/secrets?ref="+url.QueryEscape(ref), "").problem(t, http.StatusGone, "secret-deleted")
	for what, text := range map[string]string{"an answer": w.replies.String(), "the log": w.logs.String()} {
		for _, form := range []string{"c4nary", canary, string(quoted), base64.StdEncoding.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString(binary)} {
			if strings.Contains(text, form) {
				t.Errorf("%s has the value as %q", what, form)
			}
		}
	}
	if !strings.Contains(w.logs.String(), `"secret set"`) {
		t.Error("setting a secret is not in the log")
	}
}

func TestEveryProblemOfASecretIsReportedAtOnceAndNeverRepeatsTheValue(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("a", secret.MaxValueBytes+1)
	for _, c := range []struct{ name, body, paths string }{
		{"nothing", `{}`, "value ref"},
		{"both values", `{"ref":"secret://a","value":"c4nary","valueBase64":"YQ=="}`, "value"},
		{"a value that is a number", `{"ref":"secret://a","value":471142}`, "value"},
		{"a value that is null", `{"ref":"secret://a","value":null}`, "value"},
		{"half a surrogate pair", `{"ref":"secret://a","value":"c4nary\ud83d"}`, "value"},
		{"Base64 that is none", `{"ref":"secret://a","valueBase64":"c4nary!"}`, "valueBase64"},
		{"a value that is too long", `{"ref":"secret://a","value":"` + long + `"}`, "value"},
		{"the value in the place of the ref", `{"ref":"c4nary","value":"c4nary"}`, "ref"},
		{"all at once", `{"ref":5,"value":1,"expires":"soon","tags":{"a":1},"expectedVersion":7,"c4nary":1}`, " value ref expires tags:a expectedVersion"},
		{"tags that are none", `{"ref":"secret://a","value":"x","tags":["c4nary"]}`, "tags"},
		{"keys in another case", `{"ref":"secret://a","Value":"c4nary"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.send("PUT", "/api/secrets", c.body).problem(t, http.StatusUnprocessableEntity, "invalid-input")
			if got := paths(p); strings.TrimSpace(got) != strings.TrimSpace(c.paths) {
				t.Errorf("problems of %q, expected %q", got, c.paths)
			}
		})
	}
	for _, body := range []string{`{"ref":"secret://a","value":c4nary}`, `[1]`, `471142`, `"c4nary"`} {
		w.send("PUT", "/api/secrets", body).problem(t, http.StatusBadRequest, "malformed-json")
	}
	for _, refText := range []string{"", "%00", "%ff"} {
		w.send("GET", "/api/secrets/describe?ref="+refText, "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
	}
	if text := w.replies.String() + w.logs.String(); strings.Contains(text, "c4nary") || strings.Contains(text, "471142") {
		t.Error("the value is repeated")
	}
	w.send("PUT", "/api/secrets", `{"ref":"secret://a","value":"`+strings.Repeat("a", 2<<20)+`"}`).problem(t, http.StatusRequestEntityTooLarge, "body-too-large")
	if len(w.vault.rows) != 0 {
		t.Errorf("stored all the same: %v", w.vault.rows)
	}
}

// unreadBody fails the test when anybody reads it.
type unreadBody struct{ t *testing.T }

func (u unreadBody) Read([]byte) (int, error) {
	u.t.Error("the body was read, and nobody wipes it")
	return 0, io.EOF
}

func TestAValueIsNotReadFromARequestThatIsRefusedForSomethingElse(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*http.Request){
		"a parameter that is not known": func(r *http.Request) { r.URL.RawQuery = "x=1" },
		"a header that is wrong":        func(r *http.Request) { r.Header.Set("If-None-Match", `"1"`) },
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPut, "http://127.0.0.1:5100/api/secrets", unreadBody{t})
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			change(r)
			answer := httptest.NewRecorder()
			if w.handler.ServeHTTP(answer, r); answer.Code != http.StatusUnprocessableEntity {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		})
	}
}

func TestAConditionalSetThatComesTooLateIsRefused(t *testing.T) {
	w := newWorld(t)
	set := func(expected string) answer {
		return w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"x","expectedVersion":"`+expected+`"}`)
	}
	set("").is(t, http.StatusOK, nil)
	set("").problem(t, http.StatusConflict, "secret-already-exists")
	set("99").problem(t, http.StatusConflict, "secret-version-conflict")
	set("1").is(t, http.StatusOK, nil)
}

func TestWhatTheStoreSaysReachesTheOperator(t *testing.T) {
	w := newWorld(t)
	w.reload = func(context.Context, string) error { return nil }
	// UNSUPPORTED is said by the host, which asks for nothing that is not claimed; a
	// store that claims and then says so breaks the contract.
	for reason, want := range map[fault.Reason]int{
		fault.NotFound: 404, fault.Deleted: 410, fault.Disabled: 409, fault.Expired: 409, fault.NotYetValid: 409,
		fault.AccessDenied: 502, fault.AuthFailed: 502, fault.Throttled: 503, fault.Unavailable: 503, fault.Timeout: 504,
		fault.Undecryptable: 502, fault.Corrupt: 502, fault.VersionConflict: 409, fault.AlreadyExists: 409, fault.InvalidRef: 422,
		fault.TooLarge: 413, fault.ConfigInvalid: 502, fault.Internal: 502, fault.Cancelled: 503,
	} {
		t.Run(reason.String(), func(t *testing.T) {
			w.vault.fail(&fault.Error{
				Reason: reason, Source: fault.SourceBackend, Message: "AADSTS7000222: the store's own words",
				RequestID: "vault-1", RetryAfter: 1500 * time.Millisecond,
			})
			code := "secret-" + strings.ReplaceAll(strings.ToLower(reason.String()), "_", "-")
			for _, a := range []answer{
				w.send("GET", "/api/secrets/describe?ref="+ref, ""), w.send("GET", "/api/secrets", ""),
				w.send("DELETE", "/api/secrets?ref="+ref, ""), w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"x"}`),
			} {
				p := a.problem(t, want, code)
				internal := reason == fault.Internal // whose text stays in the plugin's log
				if !internal && (!strings.Contains(p.Detail, "AADSTS7000222") || p.BackendRequestID != "vault-1" || p.RetryAfterSeconds != 2) {
					t.Errorf("the store's words are lost: %s", a.body)
				}
				if p.Reason != reason.String() {
					t.Errorf("reason %s", p.Reason)
				}
				unknown := strings.Contains(p.Detail, "It may have been done")
				if isWrite := a.Request.Method != "GET"; unknown != (isWrite && (want == http.StatusServiceUnavailable || want == http.StatusGatewayTimeout)) {
					t.Errorf("%s: detail %s", a.Request.Method, p.Detail)
				}
				if got := a.Header.Get("Retry-After"); got != p.RetryAfter() {
					t.Errorf("Retry-After %q", got)
				}
			}
			w.send("POST", "/api/provider/reload", "").is(t, http.StatusOK, nil) // the check before is of no interest then
			w.send("GET", "/api/provider/check", "").problem(t, want, code)
		})
	}
	if len(fault.Reasons()) != 20 {
		t.Error("there is a new reason: decide its status")
	}
}
