package directory

import (
	"encoding/binary"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// query is a search request (RFC 4511, 4.5.1).
type query struct {
	base       string
	scope      int64
	limit      int64
	typesOnly  bool
	filter     filter
	attributes []string
}

func parseQuery(op *ber.Packet) (query, result) {
	malformed := refuse(ldap.LDAPResultProtocolError, "the search request is malformed")
	if len(op.Children) != 8 {
		return query{}, malformed
	}
	var q query
	var ok [3]bool
	q.scope, ok[0] = op.Children[1].Value.(int64)
	q.limit, ok[1] = op.Children[3].Value.(int64)
	q.typesOnly, ok[2] = op.Children[5].Value.(bool)
	if !ok[0] || !ok[1] || !ok[2] {
		return query{}, malformed
	}
	var err error
	if q.base, err = normalize(op.Children[0].Data.String()); err != nil {
		return query{}, refuse(ldap.LDAPResultInvalidDNSyntax, "%v", err)
	}
	if q.filter, err = compile(op.Children[6]); err != nil {
		return query{}, refuse(ldap.LDAPResultProtocolError, "%v", err)
	}
	for _, child := range op.Children[7].Children {
		q.attributes = append(q.attributes, child.Data.String())
	}
	return q, result{}
}

// search writes the entries that match and returns how it ended.
func (s *session) search(req request) (result, error) {
	q, res := parseQuery(req.op)
	if res.code != 0 {
		return res, nil
	}
	if req.unknown != "" {
		return refuse(ldap.LDAPResultUnavailableCriticalExtension, "the demo directory does not know the control %s", req.unknown), nil
	}
	if q.base == "" && q.scope == ldap.ScopeBaseObject {
		return result{}, s.writeEntry(req, q, rootDSE())
	}
	if !s.signedIn {
		return refuse(ldap.LDAPResultInsufficientAccessRights, "the demo directory is read by %s only", AccountDN), nil
	}
	entries := s.directory.snapshot()
	if !slices.ContainsFunc(entries, func(e entry) bool { return e.key == q.base }) {
		return refuse(ldap.LDAPResultNoSuchObject, "the demo directory has no entry %s", req.op.Children[0].Data.String()), nil
	}
	return s.writeMatches(req, q, entries)
}

// writeMatches writes a page, or everything. The cookie of a page is the place of
// the next entry to look at; places never change.
func (s *session) writeMatches(req request, q query, entries []entry) (result, error) {
	paging := req.paging
	at := 0
	if paging != nil && len(paging.Cookie) > 0 {
		if len(paging.Cookie) != 8 || binary.BigEndian.Uint64(paging.Cookie) > uint64(len(entries)) {
			return refuse(ldap.LDAPResultUnwillingToPerform, "the demo directory did not issue this paging cookie"), nil
		}
		at = int(binary.BigEndian.Uint64(paging.Cookie))
	}
	var written int64
	for ; at < len(entries); at++ {
		e := entries[at]
		if !q.inScope(e) || !q.filter(e) {
			continue
		}
		if q.limit > 0 && written == q.limit {
			return refuse(ldap.LDAPResultSizeLimitExceeded, "more entries match than the search asked for"), nil
		}
		if paging != nil && written == int64(paging.PagingSize) {
			break
		}
		if err := s.writeEntry(req, q, e); err != nil {
			return result{}, err
		}
		written++
	}
	if paging == nil {
		return result{}, nil
	}
	answer := ldap.NewControlPaging(0)
	if at < len(entries) && paging.PagingSize > 0 {
		answer.SetCookie(binary.BigEndian.AppendUint64(nil, uint64(at)))
	}
	return result{controls: []ldap.Control{answer}}, nil
}

func (q query) inScope(e entry) bool {
	switch q.scope {
	case ldap.ScopeBaseObject:
		return e.key == q.base
	case ldap.ScopeSingleLevel:
		_, parent, _ := strings.Cut(e.key, ",")
		return parent == q.base
	}
	return e.key == q.base || strings.HasSuffix(e.key, ","+q.base)
}

func (s *session) writeEntry(req request, q query, e entry) error {
	list := ber.NewSequence("")
	for _, a := range e.selected(q.attributes) {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		if !q.typesOnly {
			for _, v := range a.values {
				values.AppendChild(octets(v))
			}
		}
		one := ber.NewSequence("")
		one.AppendChild(octets(a.name))
		one.AppendChild(values)
		list.AppendChild(one)
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	op.AppendChild(octets(e.dn))
	op.AppendChild(list)
	return s.write(req, op, nil)
}

// rootDSE is what the directory says about itself (RFC 4512, 5.1).
func rootDSE() entry {
	var e entry
	e.add("objectClass", "top")
	e.add("vendorName", "IdentityMesh demo directory")
	e.attributes = append(e.attributes,
		attribute{name: "namingContexts", values: []string{BaseDN}, operational: true},
		attribute{name: "supportedLDAPVersion", values: []string{"3"}, operational: true},
		attribute{name: "supportedControl", values: []string{ldap.ControlTypePaging}, operational: true},
	)
	return e
}
