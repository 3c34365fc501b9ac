package vault_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

func TestAListingOfVersionsEnds(t *testing.T) {
	for name, link := range map[string]func(n int) string{
		"that goes in a long circle": func(n int) string { return fmt.Sprintf("https://%s/secrets/x/versions?$skiptoken=%d", host, n%7) },
		"that never repeats itself":  func(n int) string { return fmt.Sprintf("https://%s/secrets/x/versions?$skiptoken=%d", host, n) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &stub{}
			s.answer = func(*http.Request) (*http.Response, error) {
				return respond(200, fmt.Sprintf(`{"value":[],"nextLink":%q}`, link(s.count(true)))), nil
			}
			_, err := s.warm(t, time.Minute).Versions(t.Context(), target("x"))
			wantFault(t, err, fault.Corrupt, "secret://test/x", "does not end")
			if n := s.count(true); n > 1001 {
				t.Errorf("%d pages were asked for", n)
			}
		})
	}
}

func TestALinkToAnotherServerIsNotFollowed(t *testing.T) {
	for _, link := range []string{"https://evil.example/secrets/x/versions", "https://" + host + ".evil.example/", "https://" + host + ":8443/",
		"http://" + host + "/secrets", "https://" + host + "@evil.example/", "https://%zz/", "//evil.example/", "/relative"} {
		s := &stub{answer: func(*http.Request) (*http.Response, error) {
			return respond(200, fmt.Sprintf(`{"value":[],"nextLink":%q}`, link)), nil
		}}
		_, err := s.warm(t, time.Minute).Versions(t.Context(), target("x"))
		if err == nil {
			t.Errorf("%s was followed", link)
		}
		for _, r := range s.seen {
			if r.host != host {
				t.Errorf("%s: a request went to %s, with a token: %v", link, r.host, r.withToken)
			}
		}
		if n := s.count(true); n > 2 { // the SDK takes what begins with a slash for a path of the vault
			t.Errorf("%s: %d requests", link, n)
		}
	}
}
