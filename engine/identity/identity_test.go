package identity_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/engine/identity"
)

func object(attributes ...identity.Attribute) identity.Object {
	o := identity.Object{Anchor: "a", Type: "user", Attributes: attributes}
	o.Normalize()
	return o
}

func attribute(name string, values ...string) identity.Attribute {
	return identity.Attribute{Name: name, Values: values}
}

func hash(o identity.Object) identity.Hash {
	h, _ := o.Hash(nil)
	return h
}

func TestSameStateHasTheSameHash(t *testing.T) {
	base := object(attribute("cn", "Anna"), attribute("mail", "a@x", "b@x"))
	same := map[string]identity.Object{
		"attributes in another order":     object(attribute("mail", "a@x", "b@x"), attribute("cn", "Anna")),
		"values in another order":         object(attribute("cn", "Anna"), attribute("mail", "b@x", "a@x")),
		"an attribute without values":     object(attribute("cn", "Anna"), attribute("mail", "a@x", "b@x"), attribute("title")),
		"another anchor, as after a move": func() identity.Object { o := base; o.Anchor = "b"; return o }(),
	}
	for name, o := range same {
		if hash(o) != hash(base) {
			t.Errorf("%s: the hash differs", name)
		}
	}
}

func TestDifferentStatesHaveDifferentHashes(t *testing.T) {
	states := map[string]identity.Object{
		"base":                           object(attribute("cn", "Anna"), attribute("mail", "a@x", "b@x")),
		"another value":                  object(attribute("cn", "Anne"), attribute("mail", "a@x", "b@x")),
		"a value more":                   object(attribute("cn", "Anna"), attribute("mail", "a@x", "b@x", "c@x")),
		"values joined":                  object(attribute("cn", "Anna"), attribute("mail", "a@xb@x")),
		"a name in another case":         object(attribute("CN", "Anna"), attribute("mail", "a@x", "b@x")),
		"a value that imitates the next": object(attribute("cn", "Anna\x04mail\x02\x03a@x\x03b@x")),
		"the values under one name":      object(attribute("cn", "Anna", "mail", "a@x", "b@x")),
		"an empty value":                 object(attribute("cn", ""), attribute("mail", "a@x", "b@x")),
		"no attributes":                  object(),
		"another type": func() identity.Object {
			o := object(attribute("cn", "Anna"), attribute("mail", "a@x", "b@x"))
			o.Type = "group"
			return o
		}(),
	}
	seen := map[identity.Hash]string{}
	for name, o := range states {
		h := hash(o)
		if other, taken := seen[h]; taken {
			t.Errorf("%q and %q have the same hash", name, other)
		}
		seen[h] = name
	}
}

func TestScratchIsReusedAndDoesNotChangeTheHash(t *testing.T) {
	o := object(attribute("cn", "Anna"))
	first, scratch := o.Hash(make([]byte, 0, 256))
	second, again := o.Hash(scratch)
	if first != second || &scratch[:1][0] != &again[:1][0] {
		t.Error("the second hash differs or took another buffer")
	}
}

func TestGetFindsAnAttributeInAnyCase(t *testing.T) {
	o := object(attribute("givenName", "Anna"))
	if got := o.Get("GIVENNAME"); len(got) != 1 || got[0] != "Anna" {
		t.Errorf("got %v", got)
	}
	if o.Get("sn") != nil {
		t.Error("found what is not there")
	}
}
