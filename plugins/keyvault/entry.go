package keyvault

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// contentType tells a person who looks at the vault what the text is.
const contentType = "application/octet-stream; encoding=base64"

// Our tags. The service takes 15 of at most 256 characters (newer documentation
// says 512); names cannot be turned back into refs, so the ref travels beside.
const (
	tagRef      = "im-ref"
	tagInstance = "im-instance"
	// tagWritten is the writer's clock in nanoseconds of precision. The vault's
	// own times have seconds, and it keeps no order of versions, so two versions
	// of one second could not be told apart without it.
	tagWritten = "im-written"
	tagPrefix  = "im-"

	maxTag = 256
	// maxTags is how many are left for others.
	maxTags = 15 - 3
)

func tagsFor(ref secret.Ref, instance string) map[string]string {
	tags := map[string]string{}
	if len(ref) <= maxTag {
		tags[tagRef] = string(ref)
	}
	if instance != "" {
		tags[tagInstance] = instance
	}
	return tags
}

// encode is standard Base64 with padding, as the .NET product writes it.
func encode(v secret.Value) string { return base64.StdEncoding.EncodeToString(v.Reveal()) }

// decode also takes the white space that .NET's decoder ignores, which gets into
// values through editors and shells, and nothing else that is not strict.
func decode(text string) ([]byte, bool) {
	text = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, text)
	value, err := base64.StdEncoding.Strict().DecodeString(text)
	return value, err == nil
}

// refOf returns the ref of an entry, empty when its tag is missing or names
// another secret: anybody who may write to the vault can change a tag.
func refOf(p vault.Properties) secret.Ref {
	ref, err := secret.ParseRef(p.Tags[tagRef])
	if err != nil || naming.Name(string(ref)) != strings.ToLower(p.Name) {
		return ""
	}
	return ref
}

// byAge orders versions from the oldest to the newest.
func byAge(a, b vault.Properties) int {
	return cmp.Or(
		at(a.Attributes.Created).Compare(at(b.Attributes.Created)),
		writtenAt(a).Compare(writtenAt(b)),
		at(a.Attributes.Updated).Compare(at(b.Attributes.Updated)),
		cmp.Compare(a.Version, b.Version),
	)
}

// newest returns the current version. versions is not empty.
func newest(versions []vault.Properties) vault.Properties { return slices.MaxFunc(versions, byAge) }

func writtenAt(p vault.Properties) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, p.Tags[tagWritten])
	return t
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func metadata(ref secret.Ref, p vault.Properties) secret.Metadata {
	m := secret.Metadata{
		Ref: ref, Name: strings.ToLower(p.Name), Version: secret.Version(p.Version),
		Created: at(p.Attributes.Created), Updated: at(p.Attributes.Updated),
		Expires: at(p.Attributes.Expires), NotBefore: at(p.Attributes.NotBefore),
		Disabled: p.Attributes.Enabled != nil && !*p.Attributes.Enabled,
	}
	m.Tags = theirs(p.Tags)
	return m
}

// isOurs takes any case for ours: the portal shows keys as if it did not matter.
func isOurs(key string) bool {
	return len(key) >= len(tagPrefix) && strings.EqualFold(key[:len(tagPrefix)], tagPrefix)
}

// theirs returns the tags that are not ours, nil for none. Those that the
// contract does not carry are left out: anybody who may tag an entry could make
// it unreadable otherwise.
func theirs(tags map[string]string) map[string]string {
	var out map[string]string
	for k, v := range tags {
		if isOurs(k) || !carried(k) || !carried(v) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out
}

func carried(text string) bool {
	return len(text) <= contract.MaxTagBytes && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func vaultName(host string) string {
	name, _, _ := strings.Cut(host, ".")
	return name
}
