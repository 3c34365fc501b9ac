package rules

import (
	"time"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Describe returns the rule that the answer to a Describe of asked breaks.
func Describe(m *secret.Metadata, asked secret.Ref) Rule {
	if m.Ref != asked {
		return DescribeRef
	}
	return metadata(m)
}

// Get returns the rule that the answer to a Get breaks. The value is what came,
// nil when nothing did.
func Get(m *secret.Metadata, value []byte, asked secret.Ref, version secret.Version) Rule {
	switch {
	case m.Ref != asked:
		return GetRef
	case value == nil:
		return GetValueMissing
	case len(value) > contract.MaxValueBytes:
		return GetValueTooLarge
	case version != secret.Current && m.Version != version && m.Version != "":
		return GetVersion
	}
	return metadata(m)
}

// Set returns the rule that the answer to a Set breaks.
func Set(m *secret.Metadata, req provider.SetRequest) Rule {
	switch {
	case m.Ref != req.Ref:
		return SetRef
	case !req.Expires.IsZero() && !sameSecond(m.Expires, req.Expires):
		return SetExpiry
	}
	if r := metadata(m); r != None {
		return r
	}
	if !naming.Matches(m.Name, string(m.Ref)) {
		return SetName
	}
	return None
}

// Recover returns the rule that the answer to a Recover of asked breaks.
func Recover(m *secret.Metadata, asked secret.Ref) Rule {
	if m.Ref != asked {
		return RecoverRef
	}
	return metadata(m)
}

// List returns the rule that a page of a listing breaks; complete says whether
// the plugin claims LIST_COMPLETE.
func List(page secret.Page, req provider.ListRequest, complete bool) Rule {
	if r := pageOf(page, req); r != None {
		return r
	}
	if page.Complete && !complete {
		return ListComplete
	}
	seen := make(map[string]struct{}, len(page.Items))
	for i := range page.Items {
		m := &page.Items[i]
		if m.Ref != "" {
			if _, err := secret.ParseRef(string(m.Ref)); err != nil {
				return RefMalformed
			}
		}
		if r := metadata(m); r != None {
			return r
		}
		if _, twice := seen[m.Name]; twice {
			return ListTwice
		}
		seen[m.Name] = struct{}{}
	}
	return None
}

// ListVersions returns the rule that a page of the versions of asked breaks.
func ListVersions(page secret.Page, req provider.ListRequest, asked secret.Ref) Rule {
	if r := pageOf(page, req); r != None {
		return r
	}
	seen := make(map[secret.Version]struct{}, len(page.Items))
	for i := range page.Items {
		m := &page.Items[i]
		if m.Ref != asked {
			return ListVersionsRef
		}
		if r := metadata(m); r != None {
			return r
		}
		if _, twice := seen[m.Version]; twice {
			return ListVersionsTwice
		}
		seen[m.Version] = struct{}{}
	}
	return None
}

func pageOf(page secret.Page, req provider.ListRequest) Rule {
	switch {
	case len(page.Items) > req.Size:
		return ListPageSize
	case len(page.Next) > contract.MaxTokenBytes || !oneLine(page.Next):
		return ListToken
	case page.Next != "" && page.Next == req.Token:
		return ListTokenLoop
	case page.Next != "" && page.Complete:
		return ListComplete
	}
	return None
}

// metadata checks what holds for the metadata of every call. Of a name only the
// confusion with another of our own is found: entries of other products may have
// any.
func metadata(m *secret.Metadata) Rule {
	switch {
	case m.Name == "":
		return NameMissing
	case m.Version == "":
		return VersionMissing
	case len(m.Name) > contract.MaxNameBytes, !oneLine(m.Name):
		return NameText
	case len(m.Version) > contract.MaxVersionBytes, !oneLine(string(m.Version)):
		return VersionText
	case len(m.Tags) > contract.MaxTags:
		return TagsTooMany
	case !validTime(m.Created), !validTime(m.Updated), !validTime(m.Expires), !validTime(m.NotBefore):
		return TimeInvalid
	case m.Ref != "" && naming.Mapped(m.Name) && !naming.Matches(m.Name, string(m.Ref)):
		return NameForeign
	}
	for k, v := range m.Tags {
		if len(k) > contract.MaxTagBytes || len(v) > contract.MaxTagBytes || !oneLine(k) || !oneLine(v) {
			return TagText
		}
	}
	return None
}

// validTime takes what protobuf can carry, and zero for not known.
func validTime(t time.Time) bool {
	return t.IsZero() || t.UTC().Year() >= 1 && t.UTC().Year() <= 9999
}

// sameSecond takes stores into account that keep times in whole seconds.
func sameSecond(a, b time.Time) bool {
	return !a.IsZero() && a.Sub(b).Abs() < time.Second
}
