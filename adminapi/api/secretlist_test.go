package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

type secretsPage struct {
	Items    []api.SecretMetadata
	Next     string
	Complete bool
}

func (p secretsPage) refs() string {
	var refs []string
	for _, m := range p.Items {
		refs = append(refs, strings.TrimPrefix(m.Ref, "secret://"))
	}
	return strings.Join(refs, " ")
}

// secrets reads all pages of a list.
func (w *world) secrets(query string) (all secretsPage, pages int) {
	w.t.Helper()
	for pages = 1; pages < 100; pages++ {
		var page secretsPage
		w.send("GET", "/api/secrets?"+query+"&cursor="+all.Next, "").is(w.t, http.StatusOK, &page)
		all.Items, all.Next, all.Complete = append(all.Items, page.Items...), page.Next, page.Complete
		if all.Next == "" {
			return all, pages
		}
	}
	w.t.Fatalf("%s has no end", query)
	return all, pages
}

// using makes a connector that uses a ref.
func (w *world) using(name, ref string) api.Connector {
	w.t.Helper()
	var c api.Connector
	w.send("POST", "/api/connectors", strings.Replace(input(name), "secret://ad/svc/password", ref, 1)).is(w.t, http.StatusCreated, &c)
	return c
}

func TestSecretsAreListedWithWhoUsesThemAndWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	for n, expires := range []string{"2026-04-01", "2027-01-01", ""} {
		body := fmt.Sprintf(`{"ref":"secret://s%d","value":"x"`, n)
		if expires != "" {
			body += `,"expires":"` + expires + `T00:00:00Z"`
		}
		w.send("PUT", "/api/secrets", body+"}").is(t, http.StatusOK, nil)
	}
	c := w.using("One", "secret://s0")
	w.using("Two", "secret://s0")
	w.using("Three", "secret://lost")
	w.using("Four", "secret://gone")
	w.send("PUT", "/api/secrets", `{"ref":"secret://gone","value":"x"}`).is(t, http.StatusOK, nil)
	w.send("DELETE", "/api/secrets?ref=secret%3A%2F%2Fgone", "").is(t, http.StatusNoContent, nil)
	if err := w.store.RecordReads(t.Context(), []store.SecretRead{
		{Ref: "secret://s0", Used: now.Add(-time.Hour), Outcome: "OK", Connector: store.ConnectorName{ID: c.ID, Name: "One"}, RunID: "r1"},
		{Ref: "secret://lost", Used: now, Outcome: "NOT_FOUND", Message: "no such entry", Connector: store.ConnectorName{ID: "c3", Name: "Three"}, RunID: "r2"},
	}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"":                                   "s0 s1 s2 gone lost",
		"limit=1":                            "s0 s1 s2 gone lost",
		"limit=3":                            "s0 s1 s2 gone lost",
		"sort=ref":                           "gone lost s0 s1 s2",
		"sort=-ref&limit=2":                  "s2 s1 s0 lost gone",
		"sort=expires&limit=2":               "s0 s1 gone lost s2",
		"sort=-lastUsed&missing=false":       "s2 s1 s0",
		"q=S1":                               "s1",
		"q=im-4":                             "",
		"used=true":                          "s0 gone lost",
		"used=false&limit=1":                 "s1 s2",
		"missing=true&limit=1":               "gone lost",
		"missing=true&sort=-ref&limit=1":     "lost gone",
		"expiresBefore=2026-12-31T00:00:00Z": "s0",
	} {
		list, _ := w.secrets(query)
		got := list.refs()
		if strings.HasPrefix(query, "missing=true&limit") || query == "" || strings.HasPrefix(query, "limit") || query == "used=true" {
			got = strings.Replace(got, "lost gone", "gone lost", 1) // in the order of hashes
		}
		if got != want || !list.Complete {
			t.Errorf("%q: %s instead of %s, complete %v", query, got, want, list.Complete)
		}
	}
	list, _ := w.secrets("sort=ref")
	gone, lost, used := list.Items[0], list.Items[1], list.Items[2]
	if !gone.Missing || !gone.Deleted || gone.Version != "" || !lost.Missing || lost.Deleted {
		t.Errorf("gone %+v, lost %+v", gone, lost)
	}
	if o := lost.Outcome; o == nil || o.Outcome != "NOT_FOUND" || o.Message != "no such entry" || o.ConnectorName != "Three" || o.RunID != "r2" || !lost.LastUsed.Equal(now) {
		t.Errorf("the outcome of lost: %+v", o)
	}
	if used.Missing || used.Users != 2 || len(used.UsedBy) != 2 || used.UsedBy[0].ConnectorName != "One" || used.Store != "DPAPI" || used.Outcome.Outcome != "OK" {
		t.Errorf("used: %+v", used)
	}
	w.send("GET", "/api/secrets?sort=size", "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
}

func TestAPageOfSecretsStaysBoundedInALargeStore(t *testing.T) {
	w := newWorld(t)
	for n := range 2001 {
		if err := w.vault.put(fmt.Sprintf("secret://s%04d", n)); err != nil {
			t.Fatal(err)
		}
	}
	var page secretsPage
	w.send("GET", "/api/secrets?q=s1999&limit=5", "").is(t, http.StatusOK, &page)
	if len(page.Items) != 0 || page.Next == "" || w.vault.pages != 10 || page.Complete {
		t.Errorf("%d items after %d pages of the store, next %q", len(page.Items), w.vault.pages, page.Next)
	}
	list, pages := w.secrets("q=s1999&limit=100")
	if list.refs() != "s1999" || pages < 2 {
		t.Errorf("found %s in %d pages", list.refs(), pages)
	}
	p := w.send("GET", "/api/secrets?sort=ref", "").problem(t, http.StatusUnprocessableEntity, "too-many-secrets")
	if !strings.Contains(p.Detail, "2000") || !strings.Contains(p.Detail, "leave sort out") {
		t.Error(p.Detail)
	}
}

func TestAFailingStoreIsNotAStoreThatLacksEverything(t *testing.T) {
	w := newWorld(t)
	w.using("One", "secret://a")
	w.vault.fail(fault.New(fault.Unavailable, fault.SourceBackend, "no route to the vault"))
	for _, query := range []string{"", "?missing=true", "?sort=ref"} {
		if p := w.send("GET", "/api/secrets"+query, "").problem(t, http.StatusServiceUnavailable, "secret-unavailable"); !strings.Contains(p.Detail, "no route") {
			t.Error(p.Detail)
		}
	}
}

func TestVersionsOfASecretAreListedAndADeletedOneIsRecoveredOrPurged(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"x"}`).is(t, http.StatusOK, nil)
	}
	var versions []string
	for next := ""; ; {
		var page struct {
			Items []api.SecretVersion
			Next  string
		}
		w.send("GET", "/api/secrets/versions?limit=2&ref="+url.QueryEscape(ref)+"&cursor="+next, "").is(t, http.StatusOK, &page)
		for _, v := range page.Items {
			versions = append(versions, v.Version)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if fmt.Sprint(versions) != "[3 2 1]" {
		t.Errorf("versions %v", versions)
	}
	const body = `{"ref":"` + ref + `"}`
	for _, path := range []string{"/api/secrets/recover", "/api/secrets/purge"} {
		w.send("POST", path, body).problem(t, http.StatusConflict, "secret-not-deleted")
		w.send("POST", path, `{"ref":"secret://other"}`).problem(t, http.StatusNotFound, "secret-not-found")
		w.send("POST", path, `{"ref":"no ref\u0000"}`).problem(t, http.StatusUnprocessableEntity, "invalid-input")
	}
	remove := "/api/secrets?ref=" + url.QueryEscape(ref)
	w.send("DELETE", remove, "").is(t, http.StatusNoContent, nil)
	var back api.SecretMetadata
	if a := w.send("POST", "/api/secrets/recover", body).is(t, http.StatusOK, &back); back.Version != "3" || a.Header.Get("ETag") != `"3"` {
		t.Errorf("recovered %+v", back)
	}
	w.send("DELETE", remove, "").is(t, http.StatusNoContent, nil)
	w.send("POST", "/api/secrets/purge", body).is(t, http.StatusNoContent, nil)
	w.send("GET", "/api/secrets/describe?ref="+url.QueryEscape(ref), "").problem(t, http.StatusNotFound, "secret-not-found")
}

func TestASecretIsChangedOnlyAtTheVersionThatIfMatchNames(t *testing.T) {
	w := newWorld(t)
	const body = `{"ref":"` + ref + `","value":"x"}`
	describe, remove := "/api/secrets/describe?ref="+url.QueryEscape(ref), "/api/secrets?ref="+url.QueryEscape(ref)
	w.send("PUT", "/api/secrets", body, "If-Match", `"1"`).is(t, http.StatusPreconditionFailed, nil)
	w.send("PUT", "/api/secrets", body, "If-None-Match", "*").is(t, http.StatusOK, nil)
	w.send("PUT", "/api/secrets", body, "If-None-Match", "*").problem(t, http.StatusPreconditionFailed, "changed-meanwhile")
	tag := w.send("GET", describe, "").is(t, http.StatusOK, nil).Header.Get("ETag")
	if a := w.send("PUT", "/api/secrets", body, "If-Match", tag).is(t, http.StatusOK, nil); a.Header.Get("ETag") == tag || a.Header.Get("ETag") == "" {
		t.Errorf("ETag %q after %q", a.Header.Get("ETag"), tag)
	}
	for _, stale := range []string{tag, "1", `"%zz"`, `""`} {
		w.send("PUT", "/api/secrets", body, "If-Match", stale).problem(t, http.StatusPreconditionFailed, "changed-meanwhile")
		w.send("DELETE", remove, "", "If-Match", stale).problem(t, http.StatusPreconditionFailed, "changed-meanwhile")
	}
	w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"x","expectedVersion":"2"}`, "If-Match", `"2"`).problem(t, http.StatusUnprocessableEntity, "invalid-input")
	w.send("PUT", "/api/secrets", body, "If-Match", "*").is(t, http.StatusOK, nil)
	w.send("DELETE", remove, "", "If-Match", `"3"`).is(t, http.StatusNoContent, nil)
}
