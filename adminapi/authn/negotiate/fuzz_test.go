package negotiate_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate"
	"github.com/identitymesh/identitymesh/adminapi/authn/negotiate/kdctest"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/logtest"
)

func FuzzWhatStrangersSendSignsInNobody(f *testing.F) {
	file := keytab.New()
	if err := file.AddEntry("HTTP/mesh.im.test", "IM.TEST", "c4nary", time.Now(), 1, 18); err != nil {
		f.Fatal(err)
	}
	content, err := file.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "keytab")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.Fatal(err)
	}
	logs := &logtest.Buffer{}
	way, err := negotiate.New(negotiate.Config{Settings: appsettings.Negotiate{KeytabFile: path}, Roles: roles(), Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	user, now := client.NewWithPassword("nobody", "IM.TEST", "c4nary", config.New()), time.Now().UTC()
	h := &holder{t: f, client: user}
	h.ticket, h.key, err = messages.NewTicket(user.Credentials.CName(), "IM.TEST", types.NewPrincipalName(2, kdctest.Service), "IM.TEST", types.NewKrbFlags(),
		file, 18, 1, now, now, now.Add(time.Hour), now.Add(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	start := h.message(func(*types.Authenticator, *messages.Ticket, *types.EncryptionKey) {})
	if _, err := send(way, start); err == nil || !strings.Contains(err.Error(), `"nobody@IM.TEST" has no role here`) {
		f.Fatalf("the seed is no good ticket: %v", err)
	}
	for _, seed := range [][]byte{nil, start, []byte("NTLMSSP\x00"), {0x60, 0x80}, {0xa1, 0x03, 0x30, 0x01, 0x00}, {0x60, 0x28, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00, 0x6e, 0x80}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		who, err := send(way, token)
		var refused authn.Refused
		if len(token) > 0 && !errors.As(err, &refused) || who.Name != "" {
			t.Errorf("%+v, %v", who, err)
		}
		if strings.Contains(logs.String(), "could not be decoded") {
			t.Errorf("a decoder fell: %s", logs)
		}
	})
}
