package ldap

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
)

const modifyTimestamp = "modifyTimestamp"

// converter turns entries into objects. What becomes of an attribute is decided
// once for each name and remembered, because entries are many and names few.
type converter struct {
	anchor     string // base name
	objectType string
	listed     map[string]bool
	binary     map[string]bool
	plans      map[string]plan

	// cut counts attributes of which the server sent only the first values.
	cut int
}

type form int

const (
	asText form = iota
	asGUID
	asSID
	asBase64
	asNothing
)

type plan struct {
	form          form
	anchor, stamp bool
	cut           bool
}

// maxPlans bounds what a server with ever new attribute names can make us keep.
const maxPlans = 10_000

func newConverter(s *settings) *converter {
	return &converter{
		anchor:     baseName(s.anchor),
		objectType: s.objectType,
		listed:     set(s.attributes...),
		binary:     set(s.binaryAttributes...),
		plans:      map[string]plan{},
	}
}

func (c *converter) plan(name string) plan {
	if p, ok := c.plans[name]; ok {
		return p
	}
	base := baseName(name)
	lower := strings.ToLower(name)
	listed := c.listed[base] || c.listed[lower]
	p := plan{
		anchor: base == c.anchor,
		stamp:  base == strings.ToLower(modifyTimestamp),
		cut:    strings.Contains(lower, ";range="),
	}
	switch {
	case secretAttributes[base], !utf8.ValidString(name):
		p.form = asNothing
	case bookkeepingAttributes[base] && !listed && !p.anchor:
		p.form = asNothing
	case guidAttributes[base]:
		p.form = asGUID
	case sidAttributes[base]:
		p.form = asSID
	case binaryAttributes[base], c.binary[base], strings.Contains(lower+";", ";binary;"):
		p.form = asBase64
	}
	if len(c.plans) < maxPlans {
		c.plans[strings.Clone(name)] = p
	}
	return p
}

// object converts an entry, whose memory it takes over. The stamp is the entry's
// modifyTimestamp, empty when it has none. An entry without a usable anchor gives
// a rejection instead of an object.
func (c *converter) object(e entry) (o identity.Object, stamp string, rejected *connector.Rejection) {
	o.Type = c.objectType
	// RFC 4514 wants UTF-8; a server that sends something else must not make the
	// object impossible to store.
	e.dn = strings.ToValidUTF8(e.dn, "\uFFFD")
	kept := e.attributes[:0]
	var anchors []string
	for _, a := range e.attributes {
		p := c.plan(a.Name)
		if p.stamp && len(a.Values) > 0 {
			stamp = a.Values[0]
		}
		if p.cut {
			c.cut++
		}
		if p.form == asNothing {
			continue
		}
		convert(p.form, a.Values)
		if p.anchor {
			anchors = append(anchors, a.Values...)
		}
		kept = append(kept, a)
	}
	switch {
	case len(anchors) == 0:
		return o, stamp, &connector.Rejection{Entry: e.dn, Reason: fmt.Sprintf("the entry has no %s, which is the configured anchorAttribute", c.anchor)}
	case len(anchors) > 1:
		return o, stamp, &connector.Rejection{Entry: e.dn, Reason: fmt.Sprintf("the entry has %d values of %s, an anchor must have one", len(anchors), c.anchor)}
	case anchors[0] == "":
		return o, stamp, &connector.Rejection{Entry: e.dn, Reason: fmt.Sprintf("the entry's %s is empty", c.anchor)}
	}
	o.Anchor = anchors[0]
	o.Attributes = append(kept, identity.Attribute{Name: "dn", Values: []string{e.dn}})
	o.Normalize()
	return o, stamp, nil
}

// convert replaces values by their text, all of them in the same form, so that
// values of one attribute stay comparable. A GUID or SID of a wrong length is
// binary data, and so is text that is none.
func convert(f form, values []string) {
	switch f {
	case asText:
		for _, v := range values {
			if !isText(v) {
				convert(asBase64, values)
				return
			}
		}
	case asGUID:
		decodeAll(values, guidText)
	case asSID:
		decodeAll(values, sidText)
	case asBase64:
		for i, v := range values {
			values[i] = base64Text(v)
		}
	}
}

func decodeAll(values []string, decode func(string) (string, bool)) {
	for i, v := range values {
		text, ok := decode(v)
		switch {
		case ok:
			values[i] = text
		case !isText(v):
			values[i] = base64Text(v)
		}
	}
}
