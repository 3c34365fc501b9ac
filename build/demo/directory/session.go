package directory

import (
	"bufio"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

const (
	maxRequest = 1 << 20
	// idle is how long a client may say nothing, patience how long it may take to
	// take an answer.
	idle     = 10 * time.Minute
	patience = time.Minute
)

// session is one connection. Requests are answered one after the other.
type session struct {
	directory *Directory
	conn      net.Conn
	in        *bufio.Reader
	out       *bufio.Writer
	signedIn  bool
}

func newSession(d *Directory, conn net.Conn) *session {
	return &session{directory: d, conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)}
}

// request is a message of a client (RFC 4511, 4.1.1).
type request struct {
	id     int64
	op     *ber.Packet
	paging *ldap.ControlPaging
	// unknown is a critical control that the directory does not know; the request
	// must then be refused (RFC 4511, 4.1.11).
	unknown string
}

// result is how an operation ended.
type result struct {
	code     uint16
	text     string
	controls []ldap.Control
}

func refuse(code uint16, format string, args ...any) result {
	return result{code: code, text: fmt.Sprintf(format, args...)}
}

// serve answers until the client leaves, breaks the protocol or is cut off.
func (s *session) serve() error {
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(idle)); err != nil {
			return gone(err)
		}
		packet, err := ber.ReadPacket(io.LimitReader(s.in, maxRequest))
		if err != nil {
			return gone(err)
		}
		req, err := parseRequest(packet)
		if err != nil {
			return err
		}
		if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return gone(err)
		}
		done, err := s.answer(req)
		if err == nil {
			err = s.out.Flush()
		}
		if err != nil || done {
			return gone(err)
		}
	}
}

// gone returns nil for the ways in which a connection ends without a fault.
func gone(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func parseRequest(p *ber.Packet) (request, error) {
	if len(p.Children) < 2 || p.Children[1].ClassType != ber.ClassApplication {
		return request{}, errors.New("received a message that is not LDAP")
	}
	id, ok := p.Children[0].Value.(int64)
	if !ok {
		return request{}, errors.New("received an LDAP message without a number")
	}
	req := request{id: id, op: p.Children[1]}
	if len(p.Children) > 2 {
		for _, child := range p.Children[2].Children {
			if err := req.addControl(child); err != nil {
				return request{}, err
			}
		}
	}
	return req, nil
}

func (r *request) addControl(p *ber.Packet) error {
	if len(p.Children) == 0 {
		return errors.New("received a control without a type")
	}
	kind, critical := p.Children[0].Data.String(), false
	if len(p.Children) > 1 {
		critical, _ = p.Children[1].Value.(bool)
	}
	if kind != ldap.ControlTypePaging {
		if critical {
			r.unknown = kind
		}
		return nil
	}
	control, err := ldap.DecodeControl(p)
	if err != nil {
		return fmt.Errorf("received a malformed paging control: %w", err)
	}
	paging, ok := control.(*ldap.ControlPaging)
	if !ok {
		return errors.New("received a paging control that is none")
	}
	r.paging = paging
	return nil
}

// answer answers one request and reports whether it was the last one.
func (s *session) answer(req request) (done bool, err error) {
	switch req.op.Tag {
	case ldap.ApplicationUnbindRequest:
		return true, nil
	case ldap.ApplicationAbandonRequest:
		// Answers are complete before the next request is read: nothing to abandon.
		return false, nil
	case ldap.ApplicationBindRequest:
		return false, s.finish(req, ldap.ApplicationBindResponse, s.bind(req))
	case ldap.ApplicationSearchRequest:
		res, err := s.search(req)
		if err != nil {
			return false, err
		}
		return false, s.finish(req, ldap.ApplicationSearchResultDone, res)
	case ldap.ApplicationExtendedRequest:
		return false, s.finish(req, ldap.ApplicationExtendedResponse,
			refuse(ldap.LDAPResultProtocolError, "the demo directory has no extended operations and no TLS"))
	}
	// The answer to every other request has the next number as its tag.
	return false, s.finish(req, req.op.Tag+1,
		refuse(ldap.LDAPResultUnwillingToPerform, "the demo directory can only be read"))
}

// bind handles simple authentication (RFC 4513, 5.1).
func (s *session) bind(req request) result {
	s.signedIn = false
	if len(req.op.Children) != 3 {
		return refuse(ldap.LDAPResultProtocolError, "the bind request is malformed")
	}
	if req.op.Children[2].Tag != 0 {
		return refuse(ldap.LDAPResultAuthMethodNotSupported, "the demo directory knows simple authentication only")
	}
	dn, password := req.op.Children[1].Data.String(), req.op.Children[2].Data.Bytes()
	switch {
	case dn == "" && len(password) == 0:
		return result{}
	case len(password) == 0:
		return refuse(ldap.LDAPResultUnwillingToPerform, "the demo directory does not accept an empty password")
	}
	key, err := normalize(dn)
	if err != nil {
		return refuse(ldap.LDAPResultInvalidDNSyntax, "%v", err)
	}
	s.directory.mu.RLock()
	want := s.directory.password
	s.directory.mu.RUnlock()
	if key != AccountDN || want == "" || subtle.ConstantTimeCompare(password, []byte(want)) != 1 {
		return refuse(ldap.LDAPResultInvalidCredentials, RefusedPassword)
	}
	s.signedIn = true
	return result{}
}

// finish writes the message that ends an operation.
func (s *session) finish(req request, tag ber.Tag, res result) error {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(res.code), ""))
	op.AppendChild(octets(""))
	op.AppendChild(octets(res.text))
	return s.write(req, op, res.controls)
}

func (s *session) write(req request, op *ber.Packet, controls []ldap.Control) error {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, req.id, ""))
	message.AppendChild(op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			list.AppendChild(c.Encode())
		}
		message.AppendChild(list)
	}
	_, err := s.out.Write(message.Bytes())
	return err
}

func octets(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}
