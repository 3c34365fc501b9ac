package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// SecretInput is what to store, as the OpenAPI document shows it. What is read is
// a [secretFields].
type SecretInput struct {
	Ref             string            `json:"ref" doc:"Begins with secret://." example:"secret://ad/svc/password"`
	Value           string            `json:"value,omitempty" format:"password" writeOnly:"true" doc:"The value as text; either this or valueBase64."`
	ValueBase64     string            `json:"valueBase64,omitempty" format:"password" writeOnly:"true" doc:"The value as Base64, for any bytes."`
	Expires         time.Time         `json:"expires,omitzero" doc:"When it stops being valid, where the store keeps that."`
	Tags            map[string]string `json:"tags,omitempty" doc:"Labels, where the store keeps those. Never put anything secret here."`
	ExpectedVersion *string           `json:"expectedVersion,omitempty" doc:"Store only if it is at this version; empty: only if there is none. Where the store can check that."`
}

// secretFields are the fields of a [SecretInput] in whatever form they were sent.
// They are checked here, because the framework's check would make strings of the
// values, which cannot be wiped.
type secretFields struct {
	Ref             any     `json:"ref"`
	Value           plain   `json:"value"`
	ValueBase64     encoded `json:"valueBase64"`
	Expires         any     `json:"expires"`
	Tags            any     `json:"tags"`
	ExpectedVersion any     `json:"expectedVersion"`
}

// unread is JSON that is left alone.
type unread struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (*unread) UnmarshalJSON([]byte) error { return nil }

// secretRequest reads the payload. The caller wipes the value, also after an error.
func secretRequest(p Payload) (req provider.SetRequest, err error) {
	if p.refused != nil {
		return req, p.refused
	}
	var keys map[string]unread
	if err := json.Unmarshal(p.bytes, &keys); err != nil {
		return req, unparsable(err)
	}
	var problems diag.List
	known := []string{"ref", "value", "valueBase64", "expires", "tags", "expectedVersion"}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Contains(known, key) {
			problems.Errorf("", "there is a key that is none of %s", strings.Join(known, ", "))
		}
	}
	var f secretFields
	if err := json.Unmarshal(p.bytes, &f); err != nil {
		return req, unparsable(err)
	}
	req.Value = f.value(&problems)
	req.Ref = f.ref(&problems)
	req.Expires = f.expires(&problems)
	req.Tags = f.tags(&problems)
	req.Expected = f.expected(&problems)
	if items := itemsOfDiag(problems); len(items) > 0 {
		return req, problem.Invalid(items...)
	}
	return req, nil
}

// value returns the one value that was sent; the other buffer is wiped.
func (f *secretFields) value(problems *diag.List) secret.Value {
	use, other := &f.Value, &f.ValueBase64.plain
	if other.given {
		use, other = other, use
	}
	switch {
	case use.given == other.given:
		problems.Errorf("value", "give either value or valueBase64")
	case f.Value.wrong:
		problems.Errorf("value", "expected a text")
	case f.ValueBase64.wrong:
		problems.Errorf("valueBase64", "expected Base64 in the standard alphabet with padding")
	case len(use.bytes) > secret.MaxValueBytes:
		problems.Errorf("value", "a value may have at most %d bytes", secret.MaxValueBytes)
	}
	other.wipe()
	return secret.NewValue(use.bytes)
}

func (f *secretFields) ref(problems *diag.List) secret.Ref {
	text, _ := f.Ref.(string)
	ref, err := secret.ParseConfigRef(text)
	if err != nil {
		problems.Errorf("ref", "%s", err)
	}
	return ref
}

func (f *secretFields) expires(problems *diag.List) time.Time {
	if f.Expires == nil {
		return time.Time{}
	}
	text, _ := f.Expires.(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !writable(t) {
		problems.Errorf("expires", timeExpected)
	}
	return t
}

func (f *secretFields) tags(problems *diag.List) map[string]string {
	given, ok := f.Tags.(map[string]any)
	if !ok && f.Tags != nil {
		problems.Errorf("tags", "expected an object of texts")
	}
	if len(given) == 0 {
		return nil
	}
	tags := make(map[string]string, len(given))
	for name, v := range given {
		text, ok := v.(string)
		if !ok {
			problems.Errorf(diag.Join("tags", name), "expected a text")
		}
		tags[name] = text
	}
	return tags
}

func (f *secretFields) expected(problems *diag.List) *secret.Version {
	if f.ExpectedVersion == nil {
		return nil
	}
	text, ok := f.ExpectedVersion.(string)
	if !ok {
		problems.Errorf("expectedVersion", "expected a text")
	}
	version := secret.Version(text)
	return &version
}
