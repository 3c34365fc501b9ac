package keyvault_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const host = fakevault.DefaultHost

// setAll sets a request that is more than ref and value.
func (w *world) setAll(req provider.SetRequest) (secret.Metadata, error) {
	if req.Value.IsZero() {
		req.Value = secret.NewValue([]byte(canary))
	}
	m, err := w.Set(w.ctx(), req)
	w.said = append(w.said, fmt.Sprintf("%+v", m))
	return m, w.note(err)
}

func (w *world) mustDelete(ref secret.Ref) {
	w.t.Helper()
	if err := w.note(w.Delete(w.ctx(), ref)); err != nil {
		w.t.Fatalf("delete %s: %v", ref, err)
	}
}

// mustHold wants value to be what is read.
func (w *world) mustHold(ref secret.Ref, value string) {
	w.t.Helper()
	got, err := w.get(ref)
	if err != nil {
		w.t.Fatalf("get %s: %v", ref, err)
	}
	if string(got.Value.Reveal()) != value {
		w.t.Errorf("%s does not have the value that it should", ref)
	}
}

// versions are those that the vault has, newest first.
func (w *world) versions(ref secret.Ref) []secret.Metadata {
	w.t.Helper()
	page, err := w.ListVersions(w.ctx(), ref, provider.ListRequest{Size: 1000})
	if w.note(err) != nil {
		w.t.Fatalf("versions of %s: %v", ref, err)
	}
	return page.Items
}

const (
	saysWritten   = "secret written to key vault"
	saysUnchanged = "no version was made"
)

func TestAnOperatorFindsTheRefOfAVaultEntry(t *testing.T) {
	w := newWorld(t, setting{})
	m := w.mustSet(ref, canary)
	text, contentType, tags := w.fake.Text(host, "im-4dcca9e40db8d988ebd8f907f7449ec4")
	if text != base64.StdEncoding.EncodeToString([]byte(canary)) {
		t.Error("the vault does not hold the padded standard Base64 of the value")
	}
	if contentType != "application/octet-stream; encoding=base64" || tags["im-ref"] != string(ref) || tags["im-instance"] == "" {
		t.Errorf("content type %q, tags %v", contentType, tags)
	}
	want := fmt.Sprintf(`"level":"INFO","msg":"secret written to key vault","ref":"%s","name":"im-4dcca9e40db8d988ebd8f907f7449ec4","version":"%s"}`, ref, m.Version)
	if !strings.Contains(w.logs.String(), want) {
		t.Errorf("no line %s in\n%s", want, w.logs.String())
	}
}

func TestAWriteThatFailsIsNotLoggedAsOne(t *testing.T) {
	w := newWorld(t, setting{})
	w.fake.Fail(fakevault.Answer{Method: "PUT", Status: 403, Body: fakevault.Refusal("Forbidden", "ForbiddenByRbac", "said by the vault")})
	_, err := w.set(ref, canary)
	wantReason(t, err, fault.AccessDenied, "Key Vault Secrets Officer", "said by the vault", string(ref), nameOf(ref))
	if strings.Contains(w.logs.String(), saysWritten) {
		t.Error("the log says that the secret was written")
	}
}

func TestARefIsATagWhenItFits(t *testing.T) {
	w := newWorld(t, setting{})
	for length, fits := range map[int]bool{256: true, 257: false} {
		ref := secret.Ref("secret://" + strings.Repeat("x", length-len("secret://")))
		w.mustSet(ref, canary)
		if _, _, tags := w.fake.Text(host, nameOf(ref)); (tags["im-ref"] == string(ref)) != fits || tags["im-instance"] == "" {
			t.Errorf("a ref of %d bytes has the tags %v", length, tags)
		}
		if got, err := w.get(ref); err != nil || got.Metadata.Ref != ref {
			t.Errorf("got %v, %v", got.Metadata, err)
		}
	}
}

func TestWhatTheVaultDoesNotKeepIsRefusedBeforeAnythingIsSent(t *testing.T) {
	version := secret.Version("x")
	many := map[string]string{}
	for i := range 13 {
		many[fmt.Sprint("tag", i)] = "x"
	}
	tests := map[string]struct {
		req  provider.SetRequest
		want fault.Reason
		says string
	}{
		"a value of one byte too many": {provider.SetRequest{Value: secret.NewValue(make([]byte, 19_201))}, fault.TooLarge, "19200"},
		"an expected version":          {provider.SetRequest{Expected: &version}, fault.Unsupported, "condition"},
		"an expiry before 1970":        {provider.SetRequest{Expires: time.Unix(-1, 0)}, fault.TooLarge, "1970"},
		"too many tags":                {provider.SetRequest{Tags: many}, fault.TooLarge, "12"},
		"too long a key of a tag":      {provider.SetRequest{Tags: map[string]string{strings.Repeat("k", 257): ""}}, fault.TooLarge, "256"},
		"too long a value of a tag":    {provider.SetRequest{Tags: map[string]string{"k": strings.Repeat("v", 257)}}, fault.TooLarge, "256"},
		"a tag without a key":          {provider.SetRequest{Tags: map[string]string{"": "v"}}, fault.TooLarge, "1 to 256"},
		"a tag of ours":                {provider.SetRequest{Tags: map[string]string{"im-ref": "secret://other"}}, fault.Unsupported, "im-"},
		"a tag that looks like ours":   {provider.SetRequest{Tags: map[string]string{"IM-written": ""}}, fault.Unsupported, "im-"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			tt.req.Ref = ref
			_, err := w.setAll(tt.req)
			wantReason(t, err, tt.want, tt.says, string(ref), nameOf(ref), host)
			if n := len(w.fake.Requests()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

func TestTheLargestOfEverythingIsKept(t *testing.T) {
	w := newWorld(t, setting{})
	tags := map[string]string{}
	for i := range 11 {
		tags[fmt.Sprint("tag", i)] = "x"
	}
	tags[strings.Repeat("k", 256)] = strings.Repeat("v", 256)
	expires := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	value := strings.Repeat("\xff", keyvault.MaxValueBytes)
	m, err := w.setAll(provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(value)), Expires: expires, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	described, err := w.describe(ref)
	if err != nil {
		t.Fatal(err)
	}
	for call, m := range map[string]secret.Metadata{"set": m, "describe": described} {
		if !m.Expires.Equal(expires) || !maps.Equal(m.Tags, tags) {
			t.Errorf("%s tells the expiry %s and the tags %v", call, m.Expires, m.Tags)
		}
	}
	w.mustHold(ref, value)
}

func TestAnExpiryIsKeptToTheSecond(t *testing.T) {
	w := newWorld(t, setting{})
	expires := time.Date(2031, 5, 6, 7, 8, 9, 987_654_321, time.FixedZone("", 3600))
	m, err := w.setAll(provider.SetRequest{Ref: ref, Expires: expires})
	if err != nil || !m.Expires.Equal(expires.Truncate(time.Second)) {
		t.Errorf("got %s, %v", m.Expires, err)
	}
}

func TestATagOfAStrangerThatNoHostCouldCarryIsLeftOut(t *testing.T) {
	w := newWorld(t, setting{})
	m := w.mustSet(ref, canary)
	for key, text := range map[string]string{"long": strings.Repeat("x", 513), "lines": "a\nb", "fine": "Ä", "IM-Other": "ours"} {
		w.fake.SetTag(host, m.Name, key, text)
	}
	got, err := w.get(ref)
	if want := map[string]string{"fine": "Ä"}; err != nil || !maps.Equal(got.Metadata.Tags, want) {
		t.Errorf("got %v, %v, want %v", got.Metadata.Tags, err, want)
	}
}

func TestWritesOfOneMomentAreToldApart(t *testing.T) {
	moment := time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)
	w := newWorld(t, setting{now: func() time.Time { return moment }})
	var last secret.Metadata
	seen := map[string]bool{}
	for i := range 5 {
		last = w.mustSet(ref, fmt.Sprint("value-", i))
		_, _, tags := w.fake.Text(host, last.Name)
		if seen[tags["im-written"]] {
			t.Errorf("two versions were written at %s", tags["im-written"])
		}
		seen[tags["im-written"]] = true
		if m, err := w.describe(ref); err != nil || m.Version != last.Version {
			t.Errorf("the current version is said to be %s, %v, want %s", m.Version, err, last.Version)
		}
	}
}
