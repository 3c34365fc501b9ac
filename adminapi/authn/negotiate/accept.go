package negotiate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/identitymesh/identitymesh/adminapi/authn"
)

// identity is who a ticket is of.
type identity struct {
	// name is DOMAIN\user of a directory, and user@REALM of other realms.
	name string
	// others are further names that may have a role: the user's principal and SID, and
	// the SIDs of groups.
	others, groups []string
	// windows says that the names are a directory's.
	windows bool
}

// accept checks a ticket and its authenticator; see RFC 4120, section 3.2.3. It
// calls the library's checks one by one, because its whole believes the client about
// its realm, forgets replays too early, and wants groups in every ticket.
func (w *Way) accept(t *token, from types.HostAddress) (identity, error) {
	keytab := w.keys.current()
	request := &t.request
	entry, err := keytab.find(request.Ticket)
	if err != nil {
		return identity{}, err
	}
	if ok, err := request.Verify(keytab.Keytab, clockSkew, from, &entry.principal); err != nil || !ok {
		return identity{}, refusal(err, entry)
	}
	ticket := request.Ticket.DecryptedEncPart
	if request.Authenticator.CRealm != ticket.CRealm {
		return identity{}, authn.Refused("the authenticator names another realm than the ticket")
	}
	if len(ticket.CName.NameString) == 0 {
		return identity{}, authn.Refused("the ticket is of nobody")
	}
	// The ticket is good; now it must be new.
	if w.seen.before(request.EncryptedAuthenticator.Cipher) {
		return identity{}, authn.Refused("the ticket's authenticator was used before: somebody may have recorded it. Use TLS, and sign in again")
	}
	about, err := groupsOf(ticket, keytab, entry, request.Ticket)
	if err != nil {
		return identity{}, authn.Refused("the ticket's groups (PAC) cannot be used: " + err.Error())
	}
	user := strings.Join(ticket.CName.NameString, "/")
	if about == nil {
		// A directory that the service's own one trusts is told apart by SIDs. Without
		// them, only the service's realm can say that the way between was a good one.
		if ticket.CRealm != request.Ticket.Realm && !types.IsFlagSet(&ticket.Flags, flags.TransitedPolicyChecked) {
			return identity{}, authn.Refused(fmt.Sprintf("the ticket is of the realm %q, and the realm %q did not check the way to it", ticket.CRealm, request.Ticket.Realm))
		}
		return identity{name: user + "@" + ticket.CRealm}, nil
	}
	return identity{
		name: about.domain + `\` + about.user, others: append([]string{about.user + "@" + ticket.CRealm, about.sid}, about.groups...),
		groups: about.groups, windows: true,
	}, nil
}

// refusal says in words why a ticket does not count, and what to do.
func refusal(err error, e entry) error {
	var k messages.KRBError
	if !errors.As(err, &k) {
		return authn.Refused(fmt.Sprintf("the keytab's key of %s, version %d, does not open the ticket: the password of its account was set anew, "+
			"or the keytab was made with another one. Make the keytab anew and replace the file", e.name(), e.version))
	}
	switch k.ErrorCode {
	case errorcode.KRB_AP_ERR_SKEW:
		return authn.Refused(fmt.Sprintf("the clocks of the client and of this host differ by more than %s; set both by NTP", clockSkew))
	case errorcode.KRB_AP_ERR_TKT_EXPIRED:
		return authn.Refused("the ticket expired; get a new one (kinit, or lock and unlock Windows)")
	case errorcode.KRB_AP_ERR_TKT_NYV:
		return authn.Refused("the ticket is not valid yet; compare the clocks of the domain controller and of this host")
	case errorcode.KRB_AP_ERR_BADADDR:
		return authn.Refused("the ticket is for another address than the one that sent it")
	}
	return authn.Refused("the ticket is not valid: " + errorcode.Lookup(k.ErrorCode))
}
