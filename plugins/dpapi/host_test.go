//go:build unix

package dpapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

func TestARowOfAnotherHost(t *testing.T) {
	theirs, ours := t.TempDir(), t.TempDir()
	openStore(t, theirs, "").set(ref, "v")
	s := openStore(t, ours, "sqlite:"+filepath.Join(theirs, "identitymesh.db"))

	s.wantGetFault(ref, fault.Undecryptable, ref, "bound to host", "secretscli set "+ref)
	t.Run("is described and listed, and marked", func(t *testing.T) {
		m, err := s.Describe(t.Context(), ref)
		if err != nil || !m.Disabled {
			t.Errorf("got %+v, %v", m, err)
		}
		page, err := s.List(t.Context(), provider.ListRequest{Size: 10})
		if err != nil || len(page.Items) != 1 || !page.Items[0].Disabled {
			t.Errorf("got %+v, %v", page, err)
		}
		report, err := s.Check(t.Context())
		if err != nil || !report.Results[2].OK || !strings.Contains(report.Results[2].Message, "1 secrets, 1 of them") {
			t.Errorf("got %+v, %v", report, err)
		}
	})
	t.Run("is this host's after it is set here", func(t *testing.T) {
		s.set(ref, "new")
		s.wantValue(ref, "new")
		if m, err := s.Describe(t.Context(), ref); err != nil || m.Disabled {
			t.Errorf("got %+v, %v", m, err)
		}
	})
}

func TestAMovedKeyMovesTheSecrets(t *testing.T) {
	old, moved := t.TempDir(), t.TempDir()
	openStore(t, old, "").set(ref, "v")
	if err := os.CopyFS(filepath.Join(moved, "keys"), os.DirFS(filepath.Join(old, "keys"))); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{"keys": 0o700, "keys/host.key": 0o600} {
		if err := os.Chmod(filepath.Join(moved, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	openStore(t, moved, "sqlite:"+filepath.Join(old, "identitymesh.db")).wantValue(ref, "v")
}

func TestALostKeyIsSaidToBeLost(t *testing.T) {
	folder := t.TempDir()
	openStore(t, folder, "").set(ref, "v")
	if err := os.Remove(filepath.Join(folder, "keys", "host.key")); err != nil {
		t.Fatal(err)
	}
	openStore(t, folder, "").wantGetFault(ref, fault.Undecryptable, "replaced or lost", "backup")
}

func TestRowsThatWereTamperedWith(t *testing.T) {
	const other = "secret://other"
	for name, test := range map[string]struct {
		statement string
		reason    fault.Reason
		words     []string
	}{
		"the value of another ref": {"UPDATE IM_Secrets SET blob = (SELECT blob FROM IM_Secrets WHERE ref = '" + other + "')",
			fault.Undecryptable, []string{ref, "another reference"}},
		"a byte was changed": {"UPDATE IM_Secrets SET blob = CAST(substr(blob, 1, 20) || x'00' || substr(blob, 22) AS BLOB)",
			fault.Corrupt, []string{ref, "damaged", "restore"}},
		"the end was cut off": {"UPDATE IM_Secrets SET blob = substr(blob, 1, length(blob) - 1)", fault.Corrupt, []string{ref, "damaged"}},
		"nothing is left":     {"UPDATE IM_Secrets SET blob = x''", fault.Corrupt, []string{ref, "0 bytes"}},
		"another host is named": {"UPDATE IM_Secrets SET host_id = 'f00', host_name = 'srv-old'",
			fault.Undecryptable, []string{"bound to host srv-old", "f00"}},
		"another protector is named": {"UPDATE IM_Secrets SET protector = 'windows-dpapi', host_name = 'srv-old'",
			fault.Undecryptable, []string{"bound to host srv-old", "windows-dpapi"}},
		"another key made the value": {"UPDATE IM_Secrets SET key_id = '99', blob = (SELECT blob FROM IM_Secrets WHERE ref = '" + other + "')",
			fault.Undecryptable, []string{"sealed with key 99"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			s := openStore(t, folder, "")
			s.set(ref, "the right value")
			s.set(other, "a wrong value")
			execute(t, folder, test.statement+" WHERE ref = '"+ref+"'")
			s.wantGetFault(ref, test.reason, test.words...)
			s.wantValue(other, "a wrong value")
			s.set(ref, "mended")
			s.wantValue(ref, "mended")
		})
	}
}

func TestARowOfTheDotNetProduct(t *testing.T) {
	folder := t.TempDir()
	s := openStore(t, folder, "")
	if _, err := s.List(t.Context(), provider.ListRequest{Size: 1}); err != nil {
		t.Fatal(err) // the table is there now
	}
	execute(t, folder, "INSERT INTO IM_Secrets (name, blob) VALUES (?, x'01000000d08c9ddf')", ref)
	s.wantGetFault(ref, fault.Undecryptable, ref, ".NET product", "Windows", "secretscli set "+ref)
	m, err := s.Describe(t.Context(), ref)
	if err != nil || !m.Disabled || m.Name != ref || m.Tags["im-legacy"] != "true" || m.Version != "0" {
		t.Errorf("got %+v, %v", m, err)
	}
	page, err := s.List(t.Context(), provider.ListRequest{Size: 10})
	if err != nil || len(page.Items) != 1 || page.Items[0].Ref != ref || page.Items[0].Tags["im-legacy"] != "true" {
		t.Errorf("got %+v, %v", page, err)
	}
	s.set(ref, "v")
	s.wantValue(ref, "v")
	page, err = s.List(t.Context(), provider.ListRequest{Size: 10})
	if err != nil || len(page.Items) != 1 || page.Items[0].Name != naming.Name(ref) || len(page.Items[0].Tags) != 0 {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestAKeyThatCannotBeUsedIsAnErrorUntilItIsMended(t *testing.T) {
	folder := t.TempDir()
	openStore(t, folder, "").set(ref, "v")
	key := filepath.Join(folder, "keys", "host.key")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, folder, "")
	s.wantGetFault(ref, fault.AccessDenied, key, "mode 0644", "owner", "chmod 0600")
	report, err := s.Check(t.Context())
	if err != nil || report.Results[0].OK || !strings.Contains(report.Results[0].Message, key) || !report.Results[1].OK {
		t.Errorf("got %+v, %v", report, err)
	}
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	s.wantValue(ref, "v")
}

func TestADamagedKeyIsNotReplaced(t *testing.T) {
	folder := t.TempDir()
	key := filepath.Join(folder, "keys", "host.key")
	openStore(t, folder, "").set(ref, "v")
	if err := os.WriteFile(key, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, folder, "")
	s.wantGetFault(ref, fault.Corrupt, key, "restore it from a backup")
	if content, err := os.ReadFile(key); err != nil || string(content) != "{" {
		t.Errorf("the key file is now %q, %v", content, err)
	}
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	folder := t.TempDir()
	openStore(t, folder, "").set(ref, "v")
	execute(t, folder, "INSERT INTO "+rows.VersionTable+" (version_id, is_applied) VALUES (99, 1)")
	openStore(t, folder, "").wantGetFault(ref, fault.ConfigInvalid, rows.VersionTable, "99")
}
