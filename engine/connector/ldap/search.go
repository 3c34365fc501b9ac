package ldap

import (
	"context"
	"errors"
	"fmt"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/engine/identity"
)

// searcher reads what a directory finds. It is the one place that decodes
// search results, so that a faster decoder can take its place.
type searcher interface {
	// Pages calls take with page after page, never concurrently, each of at
	// most q.pageSize entries, which belong to take. While take works, the next
	// page is read already; never more than three pages are in memory. It
	// returns nil only when the server said that the result is complete. The
	// first error of either side stops both.
	Pages(ctx context.Context, q query, take func(page []entry) error) (summary, error)
}

// query is one search of a whole subtree.
type query struct {
	base, filter string
	attributes   []string
	pageSize     int
	// sortBy asks the server for ascending order, or to refuse.
	sortBy string
	// showDeleted includes Active Directory's tombstones.
	showDeleted bool
}

// entry is what a server returned, with values as raw bytes in strings.
type entry struct {
	dn         string
	attributes []identity.Attribute
}

// summary counts what a search returned.
type summary struct {
	entries, pages int
	// referrals to other servers are not followed.
	referrals int
}

func (s *session) Pages(ctx context.Context, q query, take func(page []entry) error) (summary, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &reader{session: s, query: q, out: make(chan []entry, 1)}
	var readErr error
	go func() {
		defer close(r.out)
		// A panic here would end the engine and every other run with it.
		defer func() {
			if p := recover(); p != nil {
				readErr = errPanicked
			}
		}()
		readErr = r.run(ctx)
	}()
	var takeErr error
	for page := range r.out {
		if takeErr == nil {
			if takeErr = take(page); takeErr != nil {
				cancel()
			}
		}
	}
	if takeErr != nil {
		return r.summary, takeErr
	}
	return r.summary, s.explain("search below "+q.base, readErr)
}

var errPanicked = errors.New("an entry of the answer could not be processed at all; this is a defect of the connector")

// reader reads all pages of a query into out.
type reader struct {
	session *session
	query   query
	out     chan []entry
	summary summary
	page    []entry
}

func (r *reader) run(ctx context.Context) error {
	paging := goldap.NewControlPaging(uint32(r.query.pageSize))
	request := goldap.NewSearchRequest(r.query.base, goldap.ScopeWholeSubtree, goldap.NeverDerefAliases, 0, 0, false,
		r.query.filter, r.query.attributes, []goldap.Control{paging})
	if r.query.sortBy != "" {
		request.Controls = append(request.Controls, sortControl{goldap.NewControlServerSideSortingWithSortKeys(
			[]*goldap.SortKey{{AttributeType: r.query.sortBy}})})
	}
	if r.query.showDeleted {
		request.Controls = append(request.Controls, goldap.NewControlMicrosoftShowDeleted())
	}
	for {
		controls, err := r.readPage(ctx, request)
		if err == nil {
			err = r.send(ctx)
		}
		if err != nil {
			return err
		}
		r.summary.pages++
		answer, ok := goldap.FindControl(controls, goldap.ControlTypePaging).(*goldap.ControlPaging)
		switch {
		case !ok && r.summary.pages > 1:
			return errors.New("the server stopped paging in the middle of the result")
		case !ok:
			// Without the control nothing in go-ldap's answer tells the end of
			// the result from the end of the connection.
			return r.session.confirm(ctx)
		}
		if len(answer.Cookie) == 0 {
			return nil
		}
		paging.SetCookie(answer.Cookie)
	}
}

// readPage reads the answer to one request. A server that ignores paging sends
// everything in one answer, which is cut into pages here.
func (r *reader) readPage(ctx context.Context, request *goldap.SearchRequest) ([]goldap.Control, error) {
	s := r.session
	s.wire.expect()
	defer s.wire.idle()
	// Without a buffer every entry would cost a change of goroutines.
	const buffer = 128
	response := s.conn.SearchAsync(ctx, request, buffer)
	var controls []goldap.Control
	for response.Next() {
		found := response.Entry()
		if found == nil {
			controls = append(controls, response.Controls()...)
			if response.Referral() != "" {
				r.summary.referrals++
			}
			continue
		}
		r.summary.entries++
		if r.page == nil {
			r.page = make([]entry, 0, r.query.pageSize)
		}
		r.page = append(r.page, fromLibrary(found))
		if len(r.page) == r.query.pageSize {
			// Nothing is expected of the server while the other side is busy.
			s.wire.idle()
			if err := r.send(ctx); err != nil {
				return nil, err
			}
			s.wire.expect()
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return controls, response.Err()
}

// send hands over the current page, if there is one.
func (r *reader) send(ctx context.Context) error {
	if len(r.page) == 0 {
		return nil
	}
	select {
	case r.out <- r.page:
		r.page = nil
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func fromLibrary(e *goldap.Entry) entry {
	// One more than the entry has: the converter adds the DN.
	attributes := make([]identity.Attribute, len(e.Attributes), len(e.Attributes)+1)
	for i, a := range e.Attributes {
		attributes[i] = identity.Attribute{Name: a.Name, Values: a.Values}
	}
	return entry{dn: e.DN, attributes: attributes}
}

// confirm proves by a further answer that the connection was whole when a search
// without paging ended.
func (s *session) confirm(ctx context.Context) error {
	if s.conn.IsClosing() {
		return errors.Join(errors.New("the connection ended in the middle of the result"), s.conn.GetLastError())
	}
	if _, err := s.object(ctx, "", "supportedLDAPVersion"); err != nil {
		return fmt.Errorf("the end of the result could not be confirmed: %w", err)
	}
	if err := s.conn.GetLastError(); err != nil {
		return fmt.Errorf("the result was not read whole: %w", err)
	}
	return nil
}

// object reads one entry by its DN; the empty DN is the rootDSE.
func (s *session) object(ctx context.Context, dn string, attributes ...string) (*goldap.Entry, error) {
	return s.objectWith(ctx, dn, nil, attributes...)
}

func (s *session) objectWith(ctx context.Context, dn string, controls []goldap.Control, attributes ...string) (*goldap.Entry, error) {
	s.wire.expect()
	defer s.wire.idle()
	what := "read " + dn
	if dn == "" {
		what = "read the rootDSE"
	}
	result, err := s.conn.Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", attributes, controls))
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, s.explain(what, err)
	}
	if len(result.Entries) == 0 {
		return nil, s.explain(what, goldap.NewError(goldap.LDAPResultNoSuchObject, errors.New("the server returned no entry")))
	}
	return result.Entries[0], nil
}

// sortControl is go-ldap's control made critical: a server that cannot sort must
// refuse, because pages in another order would make checkpoints lie.
type sortControl struct {
	*goldap.ControlServerSideSorting
}

func (c sortControl) Encode() *ber.Packet {
	plain := c.ControlServerSideSorting.Encode()
	packet := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	packet.AppendChild(plain.Children[0])
	packet.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "Criticality"))
	for _, child := range plain.Children[1:] {
		packet.AppendChild(child)
	}
	return packet
}
