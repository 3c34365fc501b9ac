package negotiate_test

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate"
	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate/kdctest"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/logtest"
)

// holder is somebody with a ticket, who writes the rest of the message as he likes.
type holder struct {
	t      testing.TB
	client *client.Client
	ticket messages.Ticket
	key    types.EncryptionKey
}

func newHolder(t *testing.T, realm *kdctest.Realm) *holder {
	t.Helper()
	conf, err := config.Load(realm.Config)
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{t: t, client: client.NewWithPassword("alice", realm.Name, kdctest.Password, conf, client.DisablePAFXFAST(true))}
	if err := h.client.Login(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.client.Destroy)
	if h.ticket, h.key, err = h.client.GetServiceTicket(kdctest.Service); err != nil {
		t.Fatal(err)
	}
	return h
}

// message returns a header's token with the authenticator changed.
func (h *holder) message(change func(*types.Authenticator, *messages.Ticket, *types.EncryptionKey)) []byte {
	h.t.Helper()
	token, err := spnego.NewKRB5TokenAPREQ(h.client, h.ticket, h.key, []int{gssapi.ContextFlagInteg}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	auth, err := types.NewAuthenticator(h.client.Credentials.Domain(), h.client.Credentials.CName())
	if err != nil {
		h.t.Fatal(err)
	}
	ticket, key := h.ticket, h.key
	change(&auth, &ticket, &key)
	if token.APReq, err = messages.NewAPReq(ticket, key, auth); err != nil {
		h.t.Fatal(err)
	}
	inner, err := token.Marshal()
	if err != nil {
		h.t.Fatal(err)
	}
	return h.offer(inner, gssapi.OIDKRB5.OID())
}

func (h *holder) offer(inner []byte, mechanisms ...asn1.ObjectIdentifier) []byte {
	h.t.Helper()
	outer := spnego.SPNEGOToken{Init: true, NegTokenInit: spnego.NegTokenInit{MechTypes: mechanisms, MechTokenBytes: inner}}
	text, err := outer.Marshal()
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

func signIn(w *negotiate.Way, header string) (authz.Principal, error) {
	r := httptest.NewRequest(http.MethodGet, "/api/status", nil)
	r.Header.Set("Authorization", header)
	return w.SignIn(r)
}

func send(w *negotiate.Way, token []byte) (authz.Principal, error) {
	return signIn(w, "Negotiate "+base64.StdEncoding.EncodeToString(token))
}

func TestForgedAndRecordedTokensSignInNobody(t *testing.T) {
	realm := kdctest.MIT(t, "alice")
	logs := &logtest.Buffer{}
	now := time.Now()
	way, err := negotiate.New(negotiate.Config{Settings: appsettings.Negotiate{KeytabFile: realm.Keytab}, Roles: roles(),
		Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	h := newHolder(t, realm)
	same := func(*types.Authenticator, *messages.Ticket, *types.EncryptionKey) {}
	good := h.message(same)
	if who, err := send(way, good); err != nil || who.Name != "alice@IM.TEST" || who.Role != authz.Operator {
		t.Fatalf("%+v, %v", who, err)
	}
	late := h.message(func(a *types.Authenticator, _ *messages.Ticket, _ *types.EncryptionKey) {
		a.CTime = a.CTime.Add(4 * time.Minute)
	})
	if _, err := send(way, late); err != nil {
		t.Errorf("a clock that is ahead by four minutes: %v", err)
	}
	microsoft := asn1.ObjectIdentifier{1, 2, 840, 48018, 1, 2, 2}
	ntlm := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}
	fresh := h.message(same)
	var outer spnego.SPNEGOToken
	if err := outer.Unmarshal(fresh); err != nil {
		t.Fatal(err)
	}
	bare := outer.NegTokenInit.MechTokenBytes
	if who, err := send(way, h.offer(bare, microsoft, gssapi.OIDKRB5.OID(), ntlm)); err != nil || who.Name == "" {
		t.Errorf("the order of Windows: %+v, %v", who, err)
	}
	var again spnego.SPNEGOToken
	if err := again.Unmarshal(h.message(same)); err != nil {
		t.Fatal(err)
	}
	if who, err := send(way, again.NegTokenInit.MechTokenBytes); err != nil || who.Name == "" {
		t.Errorf("a token without the wrapping: %+v, %v", who, err)
	}
	kerberosError := append([]byte{}, bare...)
	if i := strings.Index(string(kerberosError), "\x01\x00\x6e"); i > 0 {
		kerberosError[i] = 3
	}
	type auth = *types.Authenticator
	type tkt = *messages.Ticket
	type key = *types.EncryptionKey
	ahead := 11 * time.Minute
	for _, x := range []struct {
		what  string
		token []byte
		words string
	}{
		{"the same token once more", good, "used before"},
		{"one of a clock that is ahead once more", late, "used before"},
		{"in the name of somebody else", h.message(func(a auth, _ tkt, _ key) { a.CName = types.NewPrincipalName(1, "ALICE") }), "not valid"},
		{"in the name of another realm's user", h.message(func(a auth, _ tkt, _ key) { a.CRealm = "OTHER.TEST" }), "another realm than the ticket"},
		{"made eleven minutes ago", h.message(func(a auth, _ tkt, _ key) { a.CTime = a.CTime.Add(-ahead) }), "clocks"},
		{"made in eleven minutes", h.message(func(a auth, _ tkt, _ key) { a.CTime = a.CTime.Add(ahead) }), "clocks"},
		{"without the session's key", h.message(func(_ auth, _ tkt, k key) {
			k.KeyValue = append([]byte{}, k.KeyValue...)
			k.KeyValue[0]++
		}), "not valid"},
		{"with a changed ticket", h.message(func(_ auth, k tkt, _ key) {
			k.EncPart.Cipher = append([]byte{}, k.EncPart.Cipher...)
			k.EncPart.Cipher[50]++
		}), "does not open the ticket"},
		{"with a key version that there is not", h.message(func(_ auth, k tkt, _ key) { k.EncPart.KVNO = 9 }), "needs version 9 of the key"},
		{"with an encryption that the keytab has not", h.message(func(_ auth, k tkt, _ key) { k.EncPart.EType = 23 }), "(type 23)"},
		{"for another service", h.message(func(_ auth, k tkt, _ key) { k.SName = types.NewPrincipalName(2, "krbtgt/IM.TEST") }), "the keytab has keys for"},
		{"for a service without a host", h.message(func(_ auth, k tkt, _ key) { k.SName = types.PrincipalName{NameType: 2, NameString: []string{"HTTP"}} }), "the keytab has keys for"},
		{"for another realm", h.message(func(_ auth, k tkt, _ key) { k.Realm = "OTHER.TEST" }), "the keytab has keys for"},
		{"an error of Kerberos in the place of a ticket", h.offer(kerberosError, gssapi.OIDKRB5.OID()), "no Kerberos ticket"},
		{"NTLM", []byte("NTLMSSP\x00\x01\x00\x00\x00"), "NTLM is not taken"},
		{"NTLM in the wrapping", h.offer([]byte("NTLMSSP\x00\x01\x00\x00\x00"), ntlm), "does not offer Kerberos"},
		{"NTLM first", h.offer([]byte("NTLMSSP\x00\x01\x00\x00\x00"), ntlm, gssapi.OIDKRB5.OID()), "prefers another mechanism"},
		{"NTLM in the name of Kerberos", h.offer([]byte("NTLMSSP\x00\x01\x00\x00\x00"), gssapi.OIDKRB5.OID()), "NTLM is not taken"},
		{"an offer without a ticket", h.offer(nil, gssapi.OIDKRB5.OID()), "no Kerberos ticket"},
		{"an offer of nothing", h.offer(nil), "does not offer Kerberos"},
		{"nothing that is known", []byte{0x60, 0x03, 0x06, 0x01, 0x2a}, "no Kerberos ticket"},
		{"half of a token", good[:len(good)/2], "no Kerberos ticket"},
	} {
		who, err := send(way, x.token)
		var refused authn.Refused
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), x.words) || who.Name != "" {
			t.Errorf("%s: %+v, %v; want words with %q", x.what, who, err, x.words)
		}
	}
	now = now.Add(10 * time.Minute) // the time of the one that is ahead, and the skew, are not over
	if _, err := send(way, late); err == nil {
		t.Error("an authenticator was forgotten while it counts")
	}
	if _, err := signIn(way, "Negotiate c4nary*"); err == nil || !strings.Contains(err.Error(), "Base64") {
		t.Errorf("no Base64: %v", err)
	}
	if logs.String() != "" {
		t.Errorf("log %s", logs)
	}
}

func TestOneOfManyEqualTokensCounts(t *testing.T) {
	realm := kdctest.MIT(t, "alice")
	way, err := negotiate.New(negotiate.Config{Settings: appsettings.Negotiate{KeytabFile: realm.Keytab}, Roles: roles(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	token := newHolder(t, realm).message(func(*types.Authenticator, *messages.Ticket, *types.EncryptionKey) {})
	counted := make(chan bool)
	for range 16 {
		go func() {
			_, err := send(way, token)
			counted <- err == nil
		}()
	}
	n := 0
	for range 16 {
		if <-counted {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of 16 equal tokens signed in", n)
	}
}

// A domain of MIT that ours trusts: the ticket says of whom it is, and whether the
// way between was checked.
func TestATicketOfAnotherRealmCountsOnlyWithItsWayChecked(t *testing.T) {
	realm := kdctest.MIT(t, "alice")
	way, err := negotiate.New(negotiate.Config{Settings: appsettings.Negotiate{KeytabFile: realm.Keytab}, Roles: roles(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	h := newHolder(t, realm)
	for flags, want := range map[string]string{"unchecked": "did not check the way", "checked": ""} {
		ticket := h.foreign(realm, flags == "checked")
		_, err := send(way, h.message(func(a *types.Authenticator, k *messages.Ticket, _ *types.EncryptionKey) {
			*k, a.CRealm = ticket, "OTHER.TEST"
		}))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", flags, err)
		}
	}
}

// foreign is the ticket as a KDC would make it for alice of another realm.
func (h *holder) foreign(realm *kdctest.Realm, checked bool) messages.Ticket {
	h.t.Helper()
	key := serviceKey(h.t, realm, h.ticket)
	ticket := h.ticket
	if err := ticket.Decrypt(key); err != nil {
		h.t.Fatal(err)
	}
	part := ticket.DecryptedEncPart
	part.CRealm, part.AuthorizationData = "OTHER.TEST", nil
	types.UnsetFlag(&part.Flags, 12)
	if checked {
		types.SetFlag(&part.Flags, 12)
	}
	text, err := asn1.Marshal(part)
	if err != nil {
		h.t.Fatal(err)
	}
	if ticket.EncPart, err = crypto.GetEncryptedData(appTag(text, 3), key, 2, ticket.EncPart.KVNO); err != nil {
		h.t.Fatal(err)
	}
	return ticket
}
