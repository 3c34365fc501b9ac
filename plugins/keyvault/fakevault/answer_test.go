package fakevault_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
)

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// try makes one request that may fail.
func (c *caller) try(ctx context.Context, method, path, body string) (status int, text string, err error) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "https://"+fakevault.DefaultHost+path+v, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Body = io.NopCloser(strings.NewReader(body))
	}
	r.Header.Set("Authorization", "Bearer "+c.CLIToken())
	answer, err := c.http.Transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(all), err
}

func TestAnswersReplaceWhatTheVaultWouldSay(t *testing.T) {
	c := start(t, fakevault.Config{})
	c.Put(fakevault.DefaultHost, "a", "x")
	ctx := t.Context()

	c.Fail(fakevault.Answer{Status: 307, Header: map[string]string{"Location": "https://evil.example/"}, Times: 2},
		fakevault.Answer{Method: "PUT", Status: 504, Apply: true})
	for range 2 {
		if status, _, err := c.try(ctx, "GET", "/secrets/a", ""); status != 307 {
			t.Errorf("a redirect: %d %v", status, err)
		}
	}
	if status, text, _ := c.try(ctx, "GET", "/secrets/a", ""); status != 200 {
		t.Errorf("after the redirects: %d %s", status, text)
	}
	if status, _, _ := c.try(ctx, "PUT", "/secrets/a", `{"value":"carried out"}`); status != 504 {
		t.Errorf("a lost answer: %d", status)
	}
	if text, _, _ := c.Text(fakevault.DefaultHost, "a"); text != "carried out" {
		t.Errorf("the lost answer's request was not carried out: %s", text)
	}

	c.Fail(fakevault.Answer{Status: 200, Body: `{"value":"half of this"}`, Cut: true})
	if status, text, err := c.try(ctx, "GET", "/secrets/a", ""); status != 200 || err == nil || text != `{"value":"ha` {
		t.Errorf("a cut answer: %d %q %v", status, text, err)
	}
	c.Fail(fakevault.Answer{Drop: true})
	if _, _, err := c.try(ctx, "PUT", "/secrets/a", `{"value":"y"}`); err == nil {
		t.Error("a dropped connection gave an answer")
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	c.Fail(fakevault.Answer{Hang: true})
	if _, _, err := c.try(short, "GET", "/secrets/a", ""); err == nil {
		t.Error("a hanging vault gave an answer")
	}
	c.Fail(fakevault.Answer{Delay: 150 * time.Millisecond})
	began := time.Now()
	if status, _, err := c.try(ctx, "GET", "/secrets/a", ""); status != 200 || time.Since(began) < 150*time.Millisecond {
		t.Errorf("a slow vault: %d %v after %s", status, err, time.Since(began))
	}
	c.Fail(fakevault.Answer{Status: 503, Times: -1})
	for range 3 {
		if status, _, _ := c.try(ctx, "GET", "/secrets/a", ""); status != 503 {
			t.Errorf("an outage ends by itself with %d", status)
		}
	}
	c.Heal()
	if status, _, _ := c.try(ctx, "GET", "/secrets/a", ""); status != 200 {
		t.Errorf("after the outage: %d", status)
	}
	last := c.Requests()[len(c.Requests())-1]
	if last.Caller != c.ClientID || last.Status != 200 || last.Path != "/secrets/a" {
		t.Errorf("the journal says %+v", last)
	}
}
