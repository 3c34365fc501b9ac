package ldap_test

import (
	"bufio"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"
)

const (
	domainNC  = "DC=corp,DC=test"
	ntdsDN    = "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Site,CN=Sites,CN=Configuration,DC=corp,DC=test"
	deletedDN = "CN=Deleted Objects," + domainNC
)

// account is an object of a fakeDC.
type account struct {
	dn      string
	usn     int64
	deleted bool
	attrs   map[string][]string
}

// fakeDC answers like a domain controller, or like a server that misbehaves in
// ways that no real one can be made to.
type fakeDC struct {
	addr *net.TCPAddr

	mu           sync.Mutex
	usn          int64
	invocationID string
	accounts     []account
	filters      []string
	notAD        bool
	hideDeleted  bool // no right to read tombstones
	ignorePaging bool
	referrals    int
	dropAfter    int  // close the connection after so many entries of a search
	mute         bool // never end a search
	stopPaging   bool // leave out the control on the second page
}

func startFakeDC(t *testing.T) *fakeDC {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dc := &fakeDC{addr: l.Addr().(*net.TCPAddr), invocationID: "0123456789abcdef"}
	var conns sync.WaitGroup
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				dc.serve(c)
			})
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		conns.Wait()
	})
	return dc
}

// set changes the fake between two reads.
func (d *fakeDC) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *fakeDC) settings() settings {
	return settings{
		"directory": "activeDirectory", "host": "127.0.0.1", "port": d.addr.Port, "security": "none",
		"bindDn": `CORP\sync`, "passwordSecretRef": passwordRef, "baseDn": "OU=Staff," + domainNC,
		"attributes": []string{"sAMAccountName", "objectSid"}, "pageSize": 10, "overlapUsn": 0,
	}
}

func (d *fakeDC) serve(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		request, err := ber.ReadPacket(in)
		if err != nil || len(request.Children) < 2 {
			return
		}
		id, op := request.Children[0].Value, request.Children[1]
		switch op.Tag {
		case goldap.ApplicationBindRequest:
			_, _ = c.Write(envelope(id, result(goldap.ApplicationBindResponse, 0, "")).Bytes())
		case goldap.ApplicationSearchRequest:
			if !d.search(c, id, op, request) {
				return
			}
		default:
			return
		}
	}
}

var usnClause = regexp.MustCompile(`\(uSNChanged>=(\d+)\)`)

// search answers a request; false ends the connection.
func (d *fakeDC) search(c net.Conn, id any, op, request *ber.Packet) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	base := op.Children[0].Value.(string)
	filter, _ := goldap.DecompileFilter(op.Children[6])
	var paging *goldap.ControlPaging
	showDeleted := false
	if len(request.Children) > 2 {
		for _, p := range request.Children[2].Children {
			control, err := goldap.DecodeControl(p)
			if err != nil {
				return false
			}
			switch control := control.(type) {
			case *goldap.ControlPaging:
				paging = control
			case *goldap.ControlMicrosoftShowDeleted:
				showDeleted = true
			}
		}
	}
	if scope := op.Children[1].Value.(int64); scope == goldap.ScopeBaseObject {
		return d.object(c, id, base, showDeleted)
	}
	d.filters = append(d.filters, filter)
	var found []account
	since := int64(0)
	if m := usnClause.FindStringSubmatch(filter); m != nil {
		since, _ = strconv.ParseInt(m[1], 10, 64)
	}
	tombstones := strings.Contains(filter, "(isDeleted=TRUE)")
	for _, a := range d.accounts {
		visible := !a.deleted || showDeleted && !d.hideDeleted
		if visible && a.deleted == tombstones && a.usn >= since && strings.HasSuffix(a.dn, base) {
			found = append(found, a)
		}
	}
	return d.send(c, id, found, paging)
}

func (d *fakeDC) send(c net.Conn, id any, found []account, paging *goldap.ControlPaging) bool {
	offset, end := 0, len(found)
	if paging != nil && !d.ignorePaging {
		offset, _ = strconv.Atoi(string(paging.Cookie))
		end = min(end, offset+int(paging.PagingSize))
	}
	out := bufio.NewWriter(c)
	defer out.Flush()
	for i, a := range found[offset:end] {
		if d.dropAfter > 0 && i == d.dropAfter {
			return false
		}
		_, _ = out.Write(envelope(id, entryPacket(a.dn, a.attrs)).Bytes())
	}
	for range d.referrals {
		p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultReference, nil, "")
		p.AppendChild(octets("ldap://other.test/" + domainNC))
		_, _ = out.Write(envelope(id, p).Bytes())
	}
	if d.mute {
		return true
	}
	done := envelope(id, result(goldap.ApplicationSearchResultDone, 0, ""))
	if paging != nil && !d.ignorePaging && (offset == 0 || !d.stopPaging) {
		answer := goldap.NewControlPaging(0)
		if end < len(found) {
			answer.SetCookie([]byte(strconv.Itoa(end)))
		}
		controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		controls.AppendChild(answer.Encode())
		done.AppendChild(controls)
	}
	_, _ = out.Write(done.Bytes())
	return true
}

func (d *fakeDC) object(c net.Conn, id any, dn string, showDeleted bool) bool {
	var attrs map[string][]string
	switch {
	case dn == "" && d.notAD:
		attrs = map[string][]string{"vendorName": {"Fake"}}
	case dn == "":
		attrs = map[string][]string{
			"supportedCapabilities": {"1.2.840.113556.1.4.800"}, "dnsHostName": {"dc1.corp.test"}, "dsServiceName": {ntdsDN},
			"supportedControl":     {goldap.ControlTypePaging, goldap.ControlTypeMicrosoftShowDeleted},
			"highestCommittedUSN":  {strconv.FormatInt(d.usn, 10)},
			"defaultNamingContext": {domainNC}, "namingContexts": {"CN=Configuration," + domainNC, domainNC},
		}
	case dn == ntdsDN:
		attrs = map[string][]string{"invocationId": {d.invocationID}}
	case dn == deletedDN && showDeleted && !d.hideDeleted:
		attrs = map[string][]string{"objectClass": {"container"}}
	default:
		_, err := c.Write(envelope(id, result(goldap.ApplicationSearchResultDone, goldap.LDAPResultNoSuchObject, "no such object here")).Bytes())
		return err == nil
	}
	_, _ = c.Write(envelope(id, entryPacket(dn, attrs)).Bytes())
	_, err := c.Write(envelope(id, result(goldap.ApplicationSearchResultDone, 0, "")).Bytes())
	return err == nil
}

func envelope(id any, op *ber.Packet) *ber.Packet {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	p.AppendChild(op)
	return p
}

func result(tag ber.Tag, code int, message string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), ""))
	p.AppendChild(octets(""))
	p.AppendChild(octets(message))
	return p
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func entryPacket(dn string, attrs map[string][]string) *ber.Packet {
	list := ber.NewSequence("")
	for name, values := range attrs {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range values {
			set.AppendChild(octets(v))
		}
		attribute := ber.NewSequence("")
		attribute.AppendChild(octets(name))
		attribute.AppendChild(set)
		list.AppendChild(attribute)
	}
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationSearchResultEntry, nil, "")
	p.AppendChild(octets(dn))
	p.AppendChild(list)
	return p
}
