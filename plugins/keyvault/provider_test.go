package keyvault_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/keyvault"
	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestWhatIsSetIsWhatIsRead(t *testing.T) {
	w := newWorld(t, setting{})
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, value := range map[string]string{
		"nothing":            "",
		"a password":         canary,
		"every byte":         string(every),
		"the largest value":  strings.Repeat("\xff", keyvault.MaxValueBytes),
		"text with newlines": "a\r\nb\n",
	} {
		t.Run(name, func(t *testing.T) {
			ref := secret.Ref("secret://test/" + name)
			m := w.mustSet(ref, value)
			got, err := w.get(ref)
			if err != nil {
				t.Fatalf("get: %v", err)
			}
			if string(got.Value.Reveal()) != value {
				t.Error("the value differs from what was set")
			}
			if got.Metadata.Version != m.Version || m.Version == "" {
				t.Errorf("version is %q, set returned %q", got.Metadata.Version, m.Version)
			}
		})
	}
}

func TestSettingAgainMakesANewVersionThatIsCurrentEverywhere(t *testing.T) {
	w := newWorld(t, setting{})
	first := w.mustSet(ref, "first-"+canary)
	last := first
	// The vault's times have seconds and its ids no order, so several versions of
	// one second are what has to be told apart.
	for i := range 8 {
		last = w.mustSet(ref, fmt.Sprintf("value-%d", i))
		if m, err := w.describe(ref); err != nil || m.Version != last.Version {
			t.Fatalf("describe gives version %q and %v, want %q", m.Version, err, last.Version)
		}
	}
	if got, err := w.get(ref); err != nil || string(got.Value.Reveal()) != "value-7" || got.Metadata.Version != last.Version {
		t.Errorf("the current version is %v, %v", got.Metadata, err)
	}
	if got, err := w.Get(w.ctx(), ref, first.Version); err != nil || string(got.Value.Reveal()) != "first-"+canary {
		t.Errorf("the first version cannot be read by its id: %v", err)
	}
	_, err := w.Get(w.ctx(), ref, "00000000000000000000000000000000")
	wantReason(t, w.note(err), fault.NotFound)
	_, err = w.Get(w.ctx(), ref, "../../other")
	wantReason(t, w.note(err), fault.NotFound)
}

func TestDescribeNeedsNoValueAndWorksForADisabledSecret(t *testing.T) {
	w := newWorld(t, setting{})
	m := w.mustSet(ref, canary)
	w.fake.Disable(fakevault.DefaultHost, m.Name, true)
	w.fake.Forget()
	got, err := w.describe(ref)
	if err != nil {
		t.Fatalf("describe: %v", err)
	}
	if !got.Disabled || got.Version != m.Version || got.Ref != ref || got.Name != m.Name || got.Created.IsZero() || len(got.Tags) != 0 {
		t.Errorf("got %+v", got)
	}
	for _, r := range w.fake.Requests() {
		if r.Path != "/secrets/"+m.Name+"/versions" {
			t.Errorf("describe asked for %s", r.Path)
		}
	}
	_, err = w.get(ref)
	wantReason(t, err, fault.Disabled, "SecretDisabled", "enable it")
}

func TestDescribeLooksAtEveryPageOfVersions(t *testing.T) {
	w := newWorld(t, setting{})
	var last secret.Metadata
	for i := range 60 {
		last = w.mustSet(ref, fmt.Sprint(i))
	}
	if m, err := w.describe(ref); err != nil || m.Version != last.Version {
		t.Errorf("got %q and %v, want %q", m.Version, err, last.Version)
	}
}

func TestTextsThatAHandTouched(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	text := func(s string) *string { return &s }
	tests := map[string]struct {
		text *string
		want fault.Reason
	}{
		"white space is ignored as .NET does": {text: text(" \t" + encoded[:5] + "\r\n" + encoded[5:] + "\n")},
		"plain text is corrupt":               {text: text(canary), want: fault.Corrupt},
		"missing padding is corrupt":          {text: text("YQ"), want: fault.Corrupt},
		"bits after the end are corrupt":      {text: text("YR=="), want: fault.Corrupt},
		"the alphabet of URLs is corrupt":     {text: text("_-8="), want: fault.Corrupt},
		"another white space is corrupt":      {text: text("YQ==\u00a0"), want: fault.Corrupt},
		"no value at all is corrupt":          {text: nil, want: fault.Corrupt},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.mustSet(ref, canary)
			w.fake.SetText(fakevault.DefaultHost, nameOf(ref), tt.text)
			got, err := w.get(ref)
			if tt.want == fault.OK {
				if err != nil || string(got.Value.Reveal()) != canary {
					t.Errorf("got %v", err)
				}
				return
			}
			wantReason(t, err, tt.want, string(ref), nameOf(ref))
			if !got.Value.IsZero() {
				t.Error("a value came with the error")
			}
		})
	}
}

func TestADeletedSecretIsToldFromAMissingOne(t *testing.T) {
	w := newWorld(t, setting{})
	_, err := w.get(ref)
	wantReason(t, err, fault.NotFound, string(ref), nameOf(ref), "SecretNotFound")
	_, err = w.describe(ref)
	wantReason(t, err, fault.NotFound)
	wantReason(t, w.note(w.Delete(w.ctx(), ref)), fault.NotFound)

	w.mustSet(ref, canary)
	if err := w.Delete(w.ctx(), ref); err != nil {
		t.Fatalf("delete: %v", err)
	}
	_, err = w.get(ref)
	wantReason(t, err, fault.Deleted, "az keyvault secret recover --vault-name contoso-im --name "+nameOf(ref), "SecretNotFound")
	_, err = w.describe(ref)
	wantReason(t, err, fault.Deleted)
}
