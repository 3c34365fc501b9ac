package keyvault_test

import (
	"fmt"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func (w *world) page(size int, token string) (secret.Page, error) {
	page, err := w.ListVersions(w.ctx(), ref, provider.ListRequest{Size: size, Token: token})
	w.said = append(w.said, fmt.Sprintf("%+v", page))
	return page, w.note(err)
}

func TestVersionsAreListedNewestFirstInPagesOfAnySize(t *testing.T) {
	w := newWorld(t, setting{})
	var want []secret.Version // newest first
	for i := range 60 {
		want = append([]secret.Version{w.mustSet(ref, fmt.Sprint(canary, i)).Version}, want...)
	}
	for _, size := range []int{1, 7, 25, 59, 60, 1000} {
		token, got := "", 0
		for {
			page, err := w.page(size, token)
			if err != nil {
				t.Fatalf("pages of %d: %v", size, err)
			}
			if len(page.Items) > size || page.Complete != (page.Next == "") {
				t.Fatalf("pages of %d: %d items, complete %v, next %q", size, len(page.Items), page.Complete, page.Next)
			}
			for _, m := range page.Items {
				if got >= len(want) || m.Version != want[got] || m.Ref != ref || m.Name != nameOf(ref) || m.Created.IsZero() {
					t.Fatalf("pages of %d: item %d is %+v", size, got, m)
				}
				got++
			}
			if token = page.Next; token == "" {
				break
			}
		}
		if got != len(want) {
			t.Errorf("pages of %d have %d items", size, got)
		}
	}
	for i, version := range want {
		got, err := w.Get(w.ctx(), ref, version)
		if err != nil || string(got.Value.Reveal()) != fmt.Sprint(canary, 59-i) {
			t.Fatalf("version %d is not what was set: %v", i, err)
		}
	}
}

func TestAListingOfVersionsGoesOnBehindItsTokenWhenNewerOnesCome(t *testing.T) {
	w := newWorld(t, setting{})
	first, second := w.mustSet(ref, "1"), w.mustSet(ref, "2")
	page, err := w.page(1, "")
	if err != nil || len(page.Items) != 1 || page.Items[0].Version != second.Version {
		t.Fatalf("got %+v, %v", page, err)
	}
	w.mustSet(ref, "3")
	page, err = w.page(1, page.Next)
	if err != nil || len(page.Items) != 1 || page.Items[0].Version != first.Version || !page.Complete {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestADisabledVersionIsListed(t *testing.T) {
	w := newWorld(t, setting{})
	m := w.mustSet(ref, canary)
	w.fake.Disable(host, m.Name, true)
	if page, err := w.page(10, ""); err != nil || len(page.Items) != 1 || !page.Items[0].Disabled {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestVersionsOfWhatIsNotThereAreNoPage(t *testing.T) {
	w := newWorld(t, setting{})
	_, err := w.page(10, "")
	wantReason(t, err, fault.NotFound, string(ref), nameOf(ref))
	w.mustSet(ref, canary)
	w.mustDelete(ref)
	_, err = w.page(10, "")
	wantReason(t, err, fault.Deleted, "az keyvault secret recover")
	if _, err := w.recover(ref); err != nil {
		t.Fatal(err)
	}
	w.fake.Grant(w.fake.ClientID, fakevault.Get)
	_, err = w.page(10, "")
	wantReason(t, err, fault.AccessDenied, "list secrets")
}

func TestAForeignTokenOfVersionsIsRefused(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.fake.Forget()
	for token, asks := range map[string]int{"../other": 0, "a b": 0, "00000000000000000000000000000000": 1} {
		w.fake.Forget()
		_, err := w.page(10, token)
		f := wantReason(t, err, fault.Internal, "page token")
		if f.Source != fault.SourceHost || w.requests("GET") != asks {
			t.Errorf("%q: source %s, %d requests", token, f.Source, w.requests("GET"))
		}
	}
}
