package keyvault_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// walk lists all with pages of size.
func (w *world) walk(size int) (items []secret.Metadata, pages int) {
	w.t.Helper()
	token := ""
	for {
		page, err := w.List(w.ctx(), provider.ListRequest{Size: size, Token: token})
		if w.note(err) != nil {
			w.t.Fatalf("list: %v", err)
		}
		if len(page.Items) > size {
			w.t.Fatalf("a page of %d has %d items", size, len(page.Items))
		}
		items = append(items, page.Items...)
		pages++
		if page.Complete != (page.Next == "") {
			w.t.Fatalf("complete is %v with the next page %q", page.Complete, page.Next)
		}
		if page.Next == "" {
			return items, pages
		}
		token = page.Next
	}
}

func TestEveryPageSizeListsEverySecretOnce(t *testing.T) {
	w := newWorld(t, setting{})
	want := map[string]secret.Metadata{}
	for i := range 60 {
		m := w.mustSet(secret.Ref(fmt.Sprintf("secret://list/%d", i)), canary)
		want[m.Name] = m
		w.fake.Put(fakevault.DefaultHost, fmt.Sprintf("im-other-%d", i), "of someone else")
	}
	for _, size := range []int{1, 7, 25, 26, 60, 1000} {
		items, pages := w.walk(size)
		if len(items) != len(want) {
			t.Fatalf("pages of %d: got %d items, want %d", size, len(items), len(want))
		}
		for _, item := range items {
			if m := want[item.Name]; item.Ref != m.Ref || item.Version != m.Version {
				t.Errorf("pages of %d: got %+v, want %+v", size, item, m)
			}
		}
		if size == 1000 && pages != 1 {
			t.Errorf("%d pages of 1000", pages)
		}
	}
}

func TestAListingShowsTheCurrentVersionAlsoOfADisabledSecret(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	m := w.mustSet(ref, canary)
	w.fake.Disable(fakevault.DefaultHost, m.Name, true)
	if items, _ := w.walk(10); len(items) != 1 || items[0].Version != m.Version || !items[0].Disabled {
		t.Errorf("got %+v", items)
	}
}

func TestATagThatNamesAnotherSecretIsNotBelieved(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.fake.SetTag(fakevault.DefaultHost, nameOf(ref), "im-ref", "secret://ad/domain-admin/password")
	if items, _ := w.walk(10); len(items) != 1 || items[0].Ref != "" || items[0].Name != nameOf(ref) {
		t.Errorf("got %+v", items)
	}
}

func TestASecretWhoseRefFitsNoTagIsListedByItsName(t *testing.T) {
	w := newWorld(t, setting{})
	long := secret.Ref("secret://" + strings.Repeat("x", 300))
	w.mustSet(long, canary)
	if items, _ := w.walk(10); len(items) != 1 || items[0].Ref != "" || items[0].Name != nameOf(long) {
		t.Errorf("got %+v", items)
	}
}

func TestADeletedSecretIsNotListed(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.mustSet("secret://other", canary)
	if err := w.Delete(w.ctx(), ref); err != nil {
		t.Fatal(err)
	}
	if items, _ := w.walk(10); len(items) != 1 || items[0].Ref != "secret://other" {
		t.Errorf("got %+v", items)
	}
}

func TestAPageGoesOnWhenTheEntryItStoppedAtIsGone(t *testing.T) {
	w := newWorld(t, setting{})
	for i := range 10 {
		w.mustSet(secret.Ref(fmt.Sprint("secret://", i)), canary)
	}
	first, err := w.List(w.ctx(), provider.ListRequest{Size: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(w.ctx(), first.Items[3].Ref); err != nil {
		t.Fatal(err)
	}
	rest, err := w.List(w.ctx(), provider.ListRequest{Size: 100, Token: first.Next})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range append(first.Items[:3], rest.Items...) {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	if got := len(slices.Compact(names)); got != 9 {
		t.Errorf("%d of the 9 remaining secrets were listed", got)
	}
}

func TestAForeignPageTokenIsRefusedWithoutARequest(t *testing.T) {
	w := newWorld(t, setting{})
	for _, token := range []string{"x", "!", "e30", "https://evil.example/", strings.Repeat("A", 5000)} {
		_, err := w.List(w.ctx(), provider.ListRequest{Size: 10, Token: token})
		wantReason(t, w.note(err), fault.Internal, "page token")
	}
	if n := len(w.fake.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestALinkOfTheVaultLeadsNowhereElse(t *testing.T) {
	for name, link := range map[string]string{
		"to another host":           "https://evil.example/secrets?$skiptoken=x",
		"to a host that looks ours": "https://contoso-im.vault.azure.net.evil.example/secrets?$skiptoken=x",
		"to another port":           "https://contoso-im.vault.azure.net:8443/secrets?$skiptoken=x",
		"to plain http":             "http://contoso-im.vault.azure.net/secrets?$skiptoken=x",
		"to no page":                "https://contoso-im.vault.azure.net/secrets?other=x",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.fake.Fail(fakevault.Answer{Status: 200, Body: `{"value":[],"nextLink":"` + link + `"}`})
			_, err := w.List(w.ctx(), provider.ListRequest{Size: 10})
			wantReason(t, w.note(err), fault.Corrupt, "next page")

			w.mustSet(ref, canary)
			w.fake.Forget()
			w.fake.Fail(fakevault.Answer{Path: "/secrets/", Status: 200, Body: `{"value":[],"nextLink":"` + link + `"}`})
			if _, err = w.describe(ref); err == nil && name != "to no page" {
				t.Error("describe followed the link")
			}
			for _, r := range w.fake.Requests() {
				if r.Host != fakevault.DefaultHost {
					t.Errorf("a request went to %s", r.Host)
				}
			}
		})
	}
}

func TestAListingInCirclesEnds(t *testing.T) {
	w := newWorld(t, setting{})
	link := `{"value":[],"nextLink":"https://contoso-im.vault.azure.net/secrets?$skiptoken=x"}`
	w.fake.Fail(fakevault.Answer{Status: 200, Body: link, Times: 5})
	_, err := w.List(w.ctx(), provider.ListRequest{Size: 10})
	wantReason(t, w.note(err), fault.Corrupt, "circles")
}
