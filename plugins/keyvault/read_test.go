package keyvault_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestReadersWhoShareARequestDoNotShareBytes(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.fake.Forget()
	w.fake.Fail(fakevault.Answer{Method: "GET", Delay: 300 * time.Millisecond, Times: 2})
	var wiped, done sync.WaitGroup
	wiped.Add(10)
	for i := range 20 {
		done.Go(func() {
			got, err := w.Get(w.ctx(), ref, secret.Current)
			if err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				got.Value.Wipe()
				wiped.Done()
				return
			}
			wiped.Wait()
			if string(got.Value.Reveal()) != canary {
				t.Error("another reader wiped this one's value")
			}
		})
	}
	done.Wait()
	if n := w.requests("GET"); n > 3 {
		t.Errorf("%d requests for 20 readers", n)
	}
}

func TestAReadThatBeginsAfterASetSeesIt(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, "0")
	var last atomic.Int64
	ctx, cancel := context.WithCancel(w.ctx())
	defer cancel()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for ctx.Err() == nil {
				least := last.Load()
				got, err := w.Get(ctx, ref, secret.Current)
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if n, err := strconv.ParseInt(string(got.Value.Reveal()), 10, 64); err != nil || n < least {
					t.Errorf("got %d after %d was set", n, least)
				}
			}
		})
	}
	for i := range int64(60) {
		w.mustSet(ref, fmt.Sprint(i+1))
		last.Store(i + 1)
	}
	cancel()
	readers.Wait()
}

func TestAMissingSecretIsAskedForOnceByAllItsReaders(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet("secret://warm/up", canary)
	w.fake.Forget()
	_, err := w.get(ref)
	wantReason(t, err, fault.NotFound)
	if n := w.requests("GET"); n != 2 {
		t.Errorf("%d requests, want one for the secret and one for a deleted one of that name", n)
	}
	w.fake.Forget()
	w.fake.Fail(fakevault.Answer{Path: "/secrets/", Delay: 300 * time.Millisecond, Times: 2})
	var done sync.WaitGroup
	for range 20 {
		done.Go(func() {
			if _, err := w.Get(w.ctx(), ref, secret.Current); !fault.Is(err, fault.NotFound) {
				t.Errorf("got %v", err)
			}
		})
	}
	done.Wait()
	if n := w.requests("GET"); n > 6 {
		t.Errorf("%d requests for 20 readers", n)
	}
}

func TestAColdStartOf50ReadersMakesAHandfulOfRequestsBesideTheirOwn(t *testing.T) {
	for _, credential := range []string{"environment", "default"} {
		w := newWorld(t, setting{config: map[string]any{"Credential": credential}})
		for i := range 50 {
			w.fake.Put(fakevault.DefaultHost, nameOf(secret.Ref(fmt.Sprint("secret://cold/", i))), "YQ==")
		}
		var done sync.WaitGroup
		for i := range 50 {
			done.Go(func() {
				if _, err := w.Get(w.ctx(), secret.Ref(fmt.Sprint("secret://cold/", i)), secret.Current); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		challenges, tokens := 0, 0
		for _, r := range w.fake.Requests() {
			switch {
			case r.Service == "vault" && !r.HasToken:
				challenges++
			case r.Service == "login" && strings.HasSuffix(r.Path, "/token"):
				tokens++
			}
		}
		if challenges != 1 || tokens != 1 || w.requests("GET") != 50 {
			t.Errorf("%s: %d challenges, %d tokens, %d reads", credential, challenges, tokens, w.requests("GET"))
		}
	}
}

func TestAValueOutsideOfItsTimeIsServedWithAWarningForEachVersion(t *testing.T) {
	day := 24 * time.Hour
	now := time.Now()
	w := newWorld(t, setting{now: func() time.Time { return now }})
	set := func(value string) {
		t.Helper()
		if _, err := w.Set(w.ctx(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(value)), Expires: now.Add(day)}); err != nil {
			t.Fatal(err)
		}
	}
	warnings := func() int { return strings.Count(w.logs.String(), `"level":"WARN"`) }
	reads := func(n, want int) {
		t.Helper()
		for range n {
			if got, err := w.get(ref); err != nil || !strings.HasPrefix(string(got.Value.Reveal()), canary) {
				t.Fatalf("got %v", err)
			}
		}
		if n := warnings(); n != want {
			t.Fatalf("%d warnings, want %d:\n%s", n, want, w.logs)
		}
	}
	set(canary + "1")
	reads(2, 0)
	now = now.Add(2 * day)
	reads(3, 1)
	if want := fmt.Sprintf(`"msg":"secret of key vault has expired and was served","ref":"%s","name":"%s","version":"`, ref, nameOf(ref)); !strings.Contains(w.logs.String(), want) {
		t.Errorf("no %s in\n%s", want, w.logs)
	}
	set(canary + "2")
	reads(2, 1)
	now = now.Add(2 * day)
	reads(2, 2)
}

func TestAValueBeforeItsTimeIsServedWithAWarning(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	begins := time.Now().Add(time.Hour).Unix()
	w.fake.Fail(fakevault.Answer{Status: 200, Times: 2, Body: fmt.Sprintf(
		`{"value":"YQ==","id":"https://%s/secrets/%s/0123","attributes":{"enabled":true,"nbf":%d}}`, fakevault.DefaultHost, nameOf(ref), begins)})
	for range 2 {
		if got, err := w.get(ref); err != nil || string(got.Value.Reveal()) != "a" || got.Metadata.NotBefore.Unix() != begins {
			t.Errorf("got %+v, %v", got.Metadata, err)
		}
	}
	if n := strings.Count(w.logs.String(), "secret of key vault is not valid yet and was served"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

func TestAListingInALongCircleEnds(t *testing.T) {
	w := newWorld(t, setting{})
	const circle = 90 // longer than what one call looks at
	for i := range 4 * circle {
		w.fake.Fail(fakevault.Answer{Method: "GET", Path: "/secrets", Status: 200,
			Body: fmt.Sprintf(`{"value":[],"nextLink":"https://%s/secrets?$skiptoken=%d"}`, fakevault.DefaultHost, 7+i%circle)})
	}
	request := provider.ListRequest{Size: 10}
	for calls := 0; ; calls++ {
		page, err := w.List(w.ctx(), request)
		if w.note(err) != nil {
			wantReason(t, err, fault.Corrupt, "circles")
			return
		}
		if request.Token = page.Next; page.Next == "" || calls > 4*circle/40 {
			t.Fatalf("the listing ended, or went on for ever, after %d calls: %+v", calls, page)
		}
	}
}
