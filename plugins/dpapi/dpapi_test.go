package dpapi_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const ref = "secret://ad/svc/password"

func TestASecretIsServedAsItWasSet(t *testing.T) {
	s := openStore(t, t.TempDir(), "")
	everyByte := make([]byte, secret.MaxValueBytes)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	for name, value := range map[string]string{"text": "pässword", "nothing": "", "1 MiB of every byte": string(everyByte)} {
		t.Run(name, func(t *testing.T) {
			s.set(ref, value)
			s.wantValue(ref, value)
		})
	}
}

func TestMetadata(t *testing.T) {
	s := openStore(t, t.TempDir(), "")
	expires := time.Date(2031, 1, 2, 3, 4, 5, 6000, time.UTC)
	set, err := s.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("v")),
		Expires: expires, Tags: map[string]string{"team": "ad"}})
	if err != nil {
		t.Fatal(err)
	}
	described, err := s.Describe(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), ref, set.Version)
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.List(t.Context(), provider.ListRequest{Size: 10})
	if err != nil || len(page.Items) != 1 || !page.Complete || page.Next != "" {
		t.Fatalf("page %+v, %v", page, err)
	}
	for from, m := range map[string]secret.Metadata{"Set": set, "Describe": described, "Get": got.Metadata, "List": page.Items[0]} {
		if m.Ref != ref || m.Name != naming.Name(ref) || m.Version != set.Version || m.Version == "" || m.Disabled ||
			!m.Expires.Equal(expires) || time.Since(m.Created) > time.Minute || !m.Updated.Equal(m.Created) ||
			!maps.Equal(m.Tags, map[string]string{"team": "ad"}) {
			t.Errorf("%s: %+v", from, m)
		}
	}
}

func TestWhatTheHostIsTold(t *testing.T) {
	s := openStore(t, t.TempDir(), "")
	info := s.Info()
	for _, c := range []facade.Capability{facade.List, facade.ListComplete, facade.Write, facade.Delete,
		facade.ConditionalSet, facade.Expiry, facade.Tags, facade.HostBound} {
		if !info.Capabilities.Has(c) {
			t.Errorf("capability %v is missing", c)
		}
	}
	if info.Name != "dpapi" || info.Limits.MaxValueBytes != 1<<20 || info.Limits.MaxRefBytes != 4096 {
		t.Errorf("info %+v", info)
	}
}

func TestVersions(t *testing.T) {
	s := openStore(t, t.TempDir(), "")
	first := s.set(ref, "one").Version
	second := s.set(ref, "two").Version
	t.Run("only the current one is served", func(t *testing.T) {
		s.wantValue(ref, "two")
		_, err := s.Get(t.Context(), ref, first)
		wantFault(t, err, fault.NotFound, ref, "only the current version is kept", string(second))
	})
	t.Run("a conditional set wants the current one", func(t *testing.T) {
		set := func(expected secret.Version) error {
			_, err := s.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("three")), Expected: &expected})
			return err
		}
		wantFault(t, set(first), fault.VersionConflict, ref, string(first), string(second))
		wantFault(t, set(""), fault.AlreadyExists, ref)
		s.wantValue(ref, "two")
		if err := set(second); err != nil {
			t.Error(err)
		}
		s.wantValue(ref, "three")
	})
}

func TestASecretThatIsNotThere(t *testing.T) {
	s := openStore(t, t.TempDir(), "")
	s.set(ref, "v")
	if err := s.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	s.wantGetFault(ref, fault.NotFound, ref, "secretscli set")
	_, err := s.Describe(t.Context(), ref)
	wantFault(t, err, fault.NotFound, ref)
	wantFault(t, s.Delete(t.Context(), ref), fault.NotFound, ref)
}

func TestTagsThatCouldNotBeReadBackAreRefused(t *testing.T) {
	s := openStore(t, t.TempDir(), "")
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	for name, tags := range map[string]map[string]string{"too many": many, "too long": {"a": strings.Repeat("x", 513)}} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue(nil), Tags: tags})
			wantFault(t, err, fault.TooLarge, ref)
			s.wantGetFault(ref, fault.NotFound)
		})
	}
}

func TestListingIsCompleteOnItsLastPageOnly(t *testing.T) {
	s := openStore(t, t.TempDir(), "")
	for i := range 7 {
		s.set(fmt.Sprint("secret://", i), "v")
	}
	seen := map[secret.Ref]bool{}
	for token, left := "", 7; left > 0; left -= 3 {
		page, err := s.List(t.Context(), provider.ListRequest{Size: 3, Token: token})
		if err != nil || len(page.Items) != min(left, 3) || page.Complete != (left <= 3) || (page.Next == "") != page.Complete {
			t.Fatalf("with %d left: %d items, next %q, complete %v, %v", left, len(page.Items), page.Next, page.Complete, err)
		}
		for _, m := range page.Items {
			seen[m.Ref] = true
		}
		token = page.Next
	}
	if len(seen) != 7 {
		t.Errorf("seen %v", seen)
	}
}

func TestAPageOfTheLargestTagsFitsIntoAMessage(t *testing.T) {
	s := openStore(t, t.TempDir(), "")
	tags := map[string]string{}
	for i := range 50 {
		tags[fmt.Sprintf("%03d%s", i, strings.Repeat("k", 509))] = strings.Repeat("<", 512)
	}
	const all = 100 // 5 MiB of tags
	for i := range all {
		if _, err := s.Set(t.Context(), provider.SetRequest{Ref: secret.Ref(fmt.Sprint("secret://", i)), Tags: tags}); err != nil {
			t.Fatal(err)
		}
	}
	seen, pages := map[secret.Ref]bool{}, 0
	for token := ""; ; pages++ {
		page, err := s.List(t.Context(), provider.ListRequest{Size: provider.MaxPageSize, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			if !maps.Equal(m.Tags, tags) {
				t.Fatalf("%s lost tags", m.Ref)
			}
			seen[m.Ref] = true
		}
		if token = page.Next; token == "" {
			break
		}
	}
	if len(seen) != all || pages < 2 {
		t.Errorf("%d secrets in %d pages", len(seen), pages+1)
	}
}

func TestASecretSurvivesARestart(t *testing.T) {
	folder := t.TempDir()
	version := openStore(t, folder, "").set(ref, "v").Version
	again := openStore(t, folder, "")
	again.wantValue(ref, "v")
	if m, err := again.Describe(t.Context(), ref); err != nil || m.Version != version || m.Disabled {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestCheckOfAHealthyStore(t *testing.T) {
	folder := t.TempDir()
	s := openStore(t, folder, "")
	s.set(ref, "v")
	report, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(report.Target, folder) || report.Identity == "" || len(report.Results) != 3 {
		t.Errorf("report %+v", report)
	}
	for i, name := range []string{"read", "write", "list"} {
		if r := report.Results[i]; r.Name != name || !r.OK || r.Message == "" || r.Latency <= 0 {
			t.Errorf("result %+v", r)
		}
	}
	page, err := s.List(t.Context(), provider.ListRequest{Size: 10})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("after the check there are %d secrets, %v", len(page.Items), err)
	}
}
