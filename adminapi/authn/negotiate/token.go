package negotiate

import (
	"bytes"
	"slices"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/identitymesh/identitymesh/adminapi/authn"
)

// token is what a client sent.
type token struct {
	request messages.APReq
	// mechanism is the one of those proposed that the ticket is for; nil when the
	// client sent a bare Kerberos token.
	mechanism asn1.ObjectIdentifier
}

// noTicket is the end of what is said to clients that have no ticket.
const noTicket = "; the client got no Kerberos ticket for this host. Address the Admin API by the name that its service principal has, not by a number; " +
	"see that the directory knows that principal (setspn -Q HTTP/<host>), and that the browser sends tickets to this site"

// decode reads a token that has an AP-REQ; see RFC 4178, section 4.2.
func decode(raw []byte) (*token, error) {
	if bytes.HasPrefix(raw, []byte("NTLMSSP\x00")) {
		return nil, authn.Refused("NTLM is not taken" + noTicket)
	}
	inner, t := raw, &token{}
	var outer spnego.SPNEGOToken
	if err := outer.Unmarshal(raw); err == nil {
		switch {
		case outer.Resp:
			inner, t.mechanism = outer.NegTokenResp.ResponseToken, gssapi.OIDKRB5.OID()
		case len(outer.NegTokenInit.MechTypes) == 0 || !kerberos(outer.NegTokenInit.MechTypes[0]):
			if slices.ContainsFunc(outer.NegTokenInit.MechTypes, kerberos) {
				return nil, authn.Refused("the client prefers another mechanism to Kerberos" + noTicket)
			}
			return nil, authn.Refused("the client does not offer Kerberos, perhaps NTLM, which is not taken" + noTicket)
		default:
			inner, t.mechanism = outer.NegTokenInit.MechTokenBytes, outer.NegTokenInit.MechTypes[0]
		}
	}
	if bytes.HasPrefix(inner, []byte("NTLMSSP\x00")) {
		return nil, authn.Refused("NTLM is not taken" + noTicket)
	}
	var mechanism spnego.KRB5Token
	if err := mechanism.Unmarshal(inner); err != nil || !mechanism.IsAPReq() {
		return nil, authn.Refused("the Negotiate token has no Kerberos ticket that can be read")
	}
	t.request = mechanism.APReq
	// gokrb5 falls over what is too short to have a checksum.
	if min(len(t.request.Ticket.EncPart.Cipher), len(t.request.EncryptedAuthenticator.Cipher)) < shortest {
		return nil, authn.Refused("the Negotiate token has no Kerberos ticket that can be read")
	}
	return t, nil
}

// shortest is less than any ticket or authenticator has, and more than the random
// bytes and the checksum around it.
const shortest = 64

func kerberos(o asn1.ObjectIdentifier) bool {
	return o.Equal(gssapi.OIDKRB5.OID()) || o.Equal(gssapi.OIDMSLegacyKRB5.OID())
}

// answer is the token that ends the negotiation. Where the client asked for it, it
// has the proof that this is the service, which gokrb5 cannot make: only who could
// open the ticket can encrypt the authenticator's time.
func (t *token) answer() ([]byte, error) {
	var proof []byte
	if types.IsFlagSet(&t.request.APOptions, flags.APOptionMutualRequired) {
		var err error
		if proof, err = t.reply(); err != nil {
			return nil, err
		}
	}
	if t.mechanism == nil {
		return proof, nil
	}
	end := spnego.NegTokenResp{NegState: asn1.Enumerated(spnego.NegStateAcceptCompleted), SupportedMech: t.mechanism, ResponseToken: proof}
	return end.Marshal()
}

// reply is an AP-REP as a token of the mechanism; see RFC 4121, section 4.1.
func (t *token) reply() ([]byte, error) {
	part, err := asn1.Marshal(messages.EncAPRepPart{CTime: t.request.Authenticator.CTime, Cusec: t.request.Authenticator.Cusec})
	if err != nil {
		return nil, err
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(part, asnAppTag.EncAPRepPart),
		t.request.Ticket.DecryptedEncPart.Key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		return nil, err
	}
	message, err := asn1.Marshal(messages.APRep{PVNO: 5, MsgType: msgtype.KRB_AP_REP, EncPart: sealed})
	if err != nil {
		return nil, err
	}
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, err
	}
	body := slices.Concat(oid, []byte{2, 0}, asn1tools.AddASNAppTag(message, asnAppTag.APREP))
	return asn1tools.AddASNAppTag(body, 0), nil
}
