package datafolder_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/identitymesh/identitymesh/sdk/datafolder"
)

func accessList(t *testing.T, folder string) string {
	t.Helper()
	sd, err := windows.GetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return sd.String()
}

// openFolder makes a folder that everybody may open.
func openFolder(t *testing.T, holds string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	sd, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := sd.DACL()
	if err == nil {
		err = errors.Join(os.Mkdir(folder, 0o700), windows.SetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT,
			windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil))
	}
	if err == nil && holds != "" {
		err = os.WriteFile(filepath.Join(folder, holds), nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// underWine reports whether rights are those that Wine makes up: it reads every list
// back with everybody on it.
func underWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

func TestOpenFolderIsClosedOnlyWhenItIsOurs(t *testing.T) {
	folder := openFolder(t, "identitymesh.db")
	closed, err := datafolder.Prepare(folder)
	if err != nil || !strings.Contains(closed, "Everyone") {
		t.Errorf("closed to %q, %v", closed, err)
	}
	if who := datafolder.LookInto(accessList(t, folder)); who != "" && !underWine() {
		t.Errorf("it is still open to %s", who)
	}
	foreign := openFolder(t, "x.txt")
	var open *datafolder.OpenError
	if _, err := datafolder.Prepare(foreign); !errors.As(err, &open) || !strings.Contains(err.Error(), "icacls") {
		t.Errorf("got %v", err)
	}
}

func TestFolderThatIsMadeIsClosedFromTheBeginning(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	if _, err := datafolder.Prepare(folder); err != nil {
		t.Fatal(err)
	}
	if underWine() {
		t.Skip("Wine: access lists are not kept")
	}
	list := accessList(t, folder)
	if who := datafolder.LookInto(list); who != "" || !strings.HasPrefix(list, "D:P") {
		t.Errorf("%s is open to %q", list, who)
	}
	for _, service := range datafolder.Services() {
		if !strings.Contains(list, datafolder.ServiceSID(service)) {
			t.Errorf("%s is not on %s", service, list)
		}
	}
}

func TestServiceOfAnotherNameIsLetIn(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	if err := datafolder.Grant(folder, "SecondEngine"); err != nil {
		t.Fatal(err)
	}
	if list := accessList(t, folder); !strings.Contains(list, datafolder.ServiceSID("SecondEngine")) && !underWine() {
		t.Errorf("it is not on %s", list)
	}
	// A folder of somebody else's is left alone.
	foreign := openFolder(t, "x.txt")
	var open *datafolder.OpenError
	if err := datafolder.Grant(foreign, "SecondEngine"); !errors.As(err, &open) {
		t.Errorf("got %v", err)
	}
}
