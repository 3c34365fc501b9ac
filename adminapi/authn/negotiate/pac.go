package negotiate

import (
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/jcmturner/gokrb5/v8/iana/adtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/pac"
	"github.com/jcmturner/gokrb5/v8/types"
)

// account is what a directory says about a user in the privilege attribute
// certificate of a ticket; see MS-PAC.
type account struct {
	domain, user, sid string
	groups            []string
}

// logonInfo is the kind of buffer that has groups; MS-PAC, section 2.4.
const logonInfo = 1

// groupsOf returns what the ticket's certificate says, and nil where there is none.
// The KDCs of MIT make certificates too, but without users and groups.
func groupsOf(ticket messages.EncTicketPart, keytab *keytabFile, e entry, t messages.Ticket) (*account, error) {
	certificate, err := certificateOf(ticket.AuthorizationData)
	if certificate == nil || err != nil {
		return nil, err
	}
	var p pac.PACType
	if err := p.Unmarshal(certificate); err != nil {
		return nil, errors.New("it is malformed")
	}
	found := false
	for _, b := range p.Buffers {
		if end := b.Offset + uint64(b.CBBufferSize); end < b.Offset || end > uint64(len(certificate)) {
			return nil, errors.New("it is malformed")
		}
		found = found || b.ULType == logonInfo
	}
	if !found {
		return nil, nil
	}
	key, _, err := keytab.GetEncryptionKey(e.principal, t.Realm, t.EncPart.KVNO, t.EncPart.EType)
	if err != nil {
		return nil, err
	}
	if err := p.ProcessPACInfoBuffers(key, log.New(io.Discard, "", 0)); err != nil {
		return nil, err
	}
	info := p.KerbValidationInfo
	domain := info.LogonDomainID.String()
	about := &account{domain: info.LogonDomainName.Value, user: info.EffectiveName.Value, sid: fmt.Sprintf("%s-%d", domain, info.UserID)}
	if about.domain == "" || about.user == "" {
		return nil, errors.New("it names nobody")
	}
	add := func(sid string, attributes uint32) {
		if counts(attributes) {
			about.groups = append(about.groups, sid)
		}
	}
	for _, g := range info.GroupIDs {
		add(fmt.Sprintf("%s-%d", domain, g.RelativeID), g.Attributes)
	}
	for _, g := range info.ExtraSIDs {
		add(g.SID.String(), g.Attributes)
	}
	for _, g := range info.ResourceGroupIDs {
		add(fmt.Sprintf("%s-%d", info.ResourceGroupDomainSID.String(), g.RelativeID), g.Attributes)
	}
	return about, nil
}

// counts reports whether a group of those attributes gives rights: it is enabled and
// not there only to deny; MS-PAC, section 2.2.1.
func counts(attributes uint32) bool {
	const enabled, denies = 0x4, 0x10
	return attributes&enabled != 0 && attributes&denies == 0
}

// certificateOf returns the certificate among the authorization data of a ticket.
func certificateOf(data types.AuthorizationData) ([]byte, error) {
	for _, outer := range data {
		if outer.ADType != adtype.ADIfRelevant {
			continue
		}
		var inner types.AuthorizationData
		if err := inner.Unmarshal(outer.ADData); err != nil {
			return nil, errors.New("the authorization data is malformed")
		}
		for _, d := range inner {
			if d.ADType == adtype.ADWin2KPAC {
				return d.ADData, nil
			}
		}
	}
	return nil, nil
}
