package wrapping_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/wrapping"
)

func none(string) string { return "" }

func parse(t *testing.T, setting string) wrapping.Source {
	t.Helper()
	s, err := wrapping.Parse(setting, none)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// suite is what every source must do.
func suite(t *testing.T, source wrapping.Source) {
	t.Helper()
	key, record, err := source.New()
	if err != nil || len(key) != 32 {
		t.Fatalf("got a key of %d bytes, %v", len(key), err)
	}
	if bytes.Contains(record, key) {
		t.Error("the record holds the key")
	}
	for range 5 { // more often than a TPM has places for objects
		again, err := source.Recover(record)
		if err != nil || !bytes.Equal(again, key) {
			t.Fatalf("recovered another key, %v", err)
		}
	}
	other, otherRecord, err := source.New()
	if err != nil || bytes.Equal(other, key) || bytes.Equal(otherRecord, record) {
		t.Errorf("two new keys are alike, %v", err)
	}
}

func writeCredential(t *testing.T, content string, mode os.FileMode) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), wrapping.CredentialName)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

var good = strings.Repeat("CANARY-4f", 8)

func TestCredential(t *testing.T) {
	path := writeCredential(t, good, 0o440)
	suite(t, parse(t, "Credential:"+path))
	t.Run("is found in the folder that the service manager names", func(t *testing.T) {
		s, err := wrapping.Parse("credential", func(name string) string {
			return map[string]string{"CREDENTIALS_DIRECTORY": filepath.Dir(path)}[name]
		})
		if err != nil {
			t.Fatal(err)
		}
		suite(t, s)
	})
	t.Run("with another content gives another key", func(t *testing.T) {
		key, record, err := parse(t, "credential:"+path).New()
		if err != nil {
			t.Fatal(err)
		}
		other, err := parse(t, "credential:"+writeCredential(t, good+"x", 0o400)).Recover(record)
		if err != nil || bytes.Equal(other, key) {
			t.Errorf("got the same key, %v", err)
		}
	})
}

func TestCredentialsThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ setting, word string }{
		"none was handed out": {"credential", "LoadCredentialEncrypted=identitymesh-host-key"},
		"missing":             {"credential:" + filepath.Join(t.TempDir(), "none"), "none"},
		"a folder":            {"credential:" + t.TempDir(), "not a regular file"},
		"too short":           {"credential:" + writeCredential(t, good[:31], 0o400), "31 bytes"},
		"open to all":         {"credential:" + writeCredential(t, good, 0o444), "chmod o="},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "open to all" && runtime.GOOS == "windows" {
				t.Skip("modes mean nothing on Windows")
			}
			source := parse(t, test.setting)
			_, _, err := source.New()
			_, err2 := source.Recover(make([]byte, 32))
			if err == nil || err2 == nil || !strings.Contains(err.Error(), test.word) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("got %v and %v", err, err2)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	if s := parse(t, "  "); s != nil {
		t.Errorf("blank: %v", s)
	}
	for _, setting := range []string{"yes", "credential:relative", "tpm:", "tpm:tpm0", "tpm /dev/tpm0", ":/x"} {
		if s, err := wrapping.Parse(setting, none); err == nil && s != nil {
			t.Errorf("%q is taken for %v", setting, s)
		}
	}
	if k := parse(t, "TPM").Kind(); k != wrapping.KindTPM {
		t.Errorf("kind %q", k)
	}
}
