package keyvault_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestSettingWhatIsCurrentMakesNoVersion(t *testing.T) {
	request := provider.SetRequest{Ref: ref, Expires: time.Now().Add(time.Hour), Tags: map[string]string{"owner": "a"}}
	tests := map[string]struct {
		req    provider.SetRequest
		change func(*world)
	}{
		"as it was set":            {req: provider.SetRequest{Ref: ref}},
		"with its expiry and tags": {req: request},
		"that another host wrote":  {req: request, change: func(w *world) { w.fake.SetTag(host, nameOf(ref), "im-instance", "elsewhere") }},
		"that has lost its stamp":  {req: request, change: func(w *world) { w.fake.SetTag(host, nameOf(ref), "im-written", "") }},
		"with line breaks in its text": {req: request, change: func(w *world) {
			text := base64.StdEncoding.EncodeToString([]byte(canary))
			text = text[:4] + "\r\n" + text[4:]
			w.fake.SetText(host, nameOf(ref), &text)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			first, err := w.setAll(tt.req)
			if err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				tt.change(w)
			}
			w.fake.Forget()
			again, err := w.setAll(tt.req)
			if err != nil {
				t.Fatal(err)
			}
			if again.Version != first.Version || w.requests("PUT") != 0 || len(w.versions(ref)) != 1 {
				t.Errorf("version %s after %s, %d writes, %d versions", again.Version, first.Version, w.requests("PUT"), len(w.versions(ref)))
			}
			if log := w.logs.String(); strings.Count(log, saysWritten) != 1 || strings.Count(log, saysUnchanged) != 1 {
				t.Errorf("the log tells of other writes:\n%s", log)
			}
		})
	}
}

func TestSettingWhatDiffersFromWhatIsCurrentMakesAVersion(t *testing.T) {
	soon := time.Now().Add(time.Minute)
	tags := func(value string) map[string]string { return map[string]string{"owner": value} }
	tests := map[string]struct {
		before, req provider.SetRequest
		change      func(*world)
	}{
		"another value":          {req: provider.SetRequest{Value: secret.NewValue([]byte(canary + "2"))}},
		"no value":               {req: provider.SetRequest{Value: secret.NewValue([]byte{})}},
		"a shorter value":        {req: provider.SetRequest{Value: secret.NewValue([]byte(canary[1:]))}},
		"an expiry":              {req: provider.SetRequest{Expires: soon}},
		"no expiry any more":     {before: provider.SetRequest{Expires: soon}},
		"another expiry":         {before: provider.SetRequest{Expires: soon}, req: provider.SetRequest{Expires: soon.Add(time.Second)}},
		"another tag":            {before: provider.SetRequest{Tags: tags("a")}, req: provider.SetRequest{Tags: tags("b")}},
		"no tag any more":        {before: provider.SetRequest{Tags: tags("a")}},
		"a tag of somebody else": {change: func(w *world) { w.fake.SetTag(host, nameOf(ref), "owner", "x") }},
		"its own ref":            {change: func(w *world) { w.fake.SetTag(host, nameOf(ref), "im-ref", "secret://other") }},
		"the same when disabled": {change: func(w *world) { w.fake.Disable(host, nameOf(ref), true) }},
		"the same when expired": {before: provider.SetRequest{Expires: soon}, req: provider.SetRequest{Expires: soon},
			change: func(w *world) { w.clock.advance(2 * time.Minute) }},
		"the same before its time": {change: func(w *world) { w.fake.SetTimes(host, nameOf(ref), time.Now().Add(time.Hour), time.Time{}) }},
		"the same when unreadable": {change: func(w *world) { text := "no Base64"; w.fake.SetText(host, nameOf(ref), &text) }},
		"the same without a value": {change: func(w *world) { w.fake.SetText(host, nameOf(ref), nil) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			tt.before.Ref, tt.req.Ref = ref, ref
			first, err := w.setAll(tt.before)
			if err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				tt.change(w)
			}
			want := canary
			if !tt.req.Value.IsZero() {
				want = string(tt.req.Value.Reveal())
			}
			second, err := w.setAll(tt.req)
			if err != nil || second.Version == first.Version || second.Disabled {
				t.Fatalf("got %+v, %v", second, err)
			}
			w.mustHold(ref, want)
		})
	}
}

func TestWhoeverMayOnlyWriteWritesEachTime(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Grant(w.fake.ClientID, fakevault.Set)
	first, second := w.mustSet(ref, canary), w.mustSet(ref, canary)
	if first.Version == second.Version {
		t.Error("the second write made no version, though nothing could be read")
	}
	w.fake.Grant(w.fake.ClientID, fakevault.Officer()...)
	w.mustHold(ref, canary)
}

func TestNothingIsWrittenWhileTheVaultCannotBeRead(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.fake.Forget()
	w.fake.Fail(fakevault.Answer{Method: "GET", Status: 503, Times: -1})
	_, err := w.set(ref, "another")
	wantReason(t, err, fault.Unavailable, "nothing was written", "503", string(ref), nameOf(ref), host)
	if n := w.requests("PUT"); n != 0 {
		t.Errorf("%d writes were sent", n)
	}
	w.fake.Heal()
	w.mustHold(ref, canary)
}
