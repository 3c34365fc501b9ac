package negotiate

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authn/keyfile"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// service is what browsers and curl ask tickets for.
const service = "HTTP"

// keys is the keytab, which is read anew when its file was replaced: directories
// change the passwords of machines by themselves.
type keys struct {
	path, wanted string
	logger       *slog.Logger

	mu     sync.Mutex
	file   *keytabFile
	looked fs.FileInfo // when it was read
}

// keytabFile is the keytab with the principals that tickets may be for.
type keytabFile struct {
	*keytab.Keytab
	entries []entry
}

// entry is one key.
type entry struct {
	principal types.PrincipalName
	realm     string
	version   uint32
	etype     int32
}

func (e entry) name() string { return e.principal.PrincipalNameString() + "@" + e.realm }

func openKeys(s appsettings.Negotiate, logger *slog.Logger) (*keys, error) {
	k := &keys{path: s.KeytabFile, wanted: s.ServicePrincipal, logger: logger}
	info, err := os.Stat(k.path)
	if err == nil {
		k.looked = info
		k.file, err = k.read()
	}
	if err != nil {
		return nil, fmt.Errorf("Authentication:Negotiate:KeytabFile: %w", err)
	}
	return k, nil
}

// current returns the keytab, anew if its file changed. One that cannot be read
// leaves the one before in force.
func (k *keys) current() *keytabFile {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.path)
	if err != nil || info.ModTime().Equal(k.looked.ModTime()) && info.Size() == k.looked.Size() && os.SameFile(info, k.looked) {
		return k.file
	}
	k.looked = info
	file, err := k.read()
	if err != nil {
		k.logger.Error("the keytab was replaced by one that cannot be used; the one before counts on", telemetry.KeyPath, k.path, telemetry.KeyError, err)
		return k.file
	}
	k.logger.Info("the keytab was read anew", telemetry.KeyPath, k.path, "principals", file.principals())
	k.file = file
	return k.file
}

func (k *keys) read() (*keytabFile, error) {
	content, err := keyfile.Read(k.path)
	if err != nil {
		return nil, err
	}
	file := &keytabFile{Keytab: keytab.New()}
	if err := unmarshal(file.Keytab, content); err != nil {
		return nil, fmt.Errorf("%s is not a keytab", k.path) // the error can hold keys
	}
	var others []string
	for _, e := range file.Keytab.Entries {
		x := entry{
			principal: types.PrincipalName{NameType: e.Principal.NameType, NameString: e.Principal.Components}, realm: e.Principal.Realm,
			version: e.KVNO, etype: e.Key.KeyType,
		}
		if k.takes(x) {
			file.entries = append(file.entries, x)
		} else {
			others = append(others, x.name())
		}
	}
	if len(file.entries) > 0 {
		return file, nil
	}
	slices.Sort(others)
	what := "one of the service " + service + ", as in HTTP/" + hostName()
	if k.wanted != "" {
		what = k.wanted + ", which Authentication:Negotiate:ServicePrincipal names"
	}
	return nil, fmt.Errorf("%s has no key for %s; it has keys for %q", k.path, what, slices.Compact(others))
}

// unmarshal keeps a damaged file from ending the program.
func unmarshal(k *keytab.Keytab, content []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged")
		}
	}()
	return k.Unmarshal(content)
}

func hostName() string {
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "<host>"
}

// takes reports whether tickets may be for the entry's principal.
func (k *keys) takes(e entry) bool {
	if k.wanted == "" {
		return len(e.principal.NameString) == 2 && strings.EqualFold(e.principal.NameString[0], service)
	}
	name, realm, _ := strings.Cut(k.wanted, "@")
	return strings.EqualFold(name, e.principal.PrincipalNameString()) && (realm == "" || realm == e.realm)
}

func (f *keytabFile) principals() []string {
	var all []string
	for _, e := range f.entries {
		all = append(all, e.name())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// find returns the key that the ticket needs, or says what is wrong with the keytab.
// Directories do not mind the case of a service principal.
func (f *keytabFile) find(t messages.Ticket) (entry, error) {
	wanted := entry{principal: t.SName, realm: t.Realm, version: uint32(t.EncPart.KVNO), etype: t.EncPart.EType}
	versions := map[uint32]bool{}
	var key entry
	known := false
	for _, e := range f.entries {
		if !strings.EqualFold(e.name(), wanted.name()) {
			continue
		}
		known = true
		if e.etype == wanted.etype {
			versions[e.version] = true
		}
		if e.etype == wanted.etype && (e.version == wanted.version || wanted.version == 0) && e.version >= key.version {
			key = e
		}
	}
	asked := wanted.name()
	if len(asked) > 200 {
		asked = asked[:200]
	}
	switch {
	case key.principal.NameString != nil:
		return key, nil
	case !known:
		return key, authn.Refused(fmt.Sprintf("the ticket is for %q, and the keytab has keys for %q: address the Admin API by the name in one of them, "+
			"or add the other to the account (setspn -S) and to the keytab", asked, f.principals()))
	case len(versions) == 0:
		return key, authn.Refused(fmt.Sprintf("the ticket for %q is encrypted in a way (type %d) that the keytab has no key for: "+
			"make the keytab with all types that the account has, AES above all", asked, wanted.etype))
	}
	var have []uint32
	for v := range versions {
		have = append(have, v)
	}
	slices.Sort(have)
	return key, authn.Refused(fmt.Sprintf("the ticket for %q needs version %d of the key and the keytab has %v: the password of the account was set since the keytab was made, "+
		"or the client has a ticket of before. Make the keytab anew and replace the file; the client gets a new ticket by klist purge or kinit", asked, wanted.version, have))
}
