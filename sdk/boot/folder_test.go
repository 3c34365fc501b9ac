package boot_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/sdk/boot"
)

func TestFolderOfTheSettings(t *testing.T) {
	windows := []string{"PROGRAMFILES=C:\\Program Files", "ProgramData=C:\\ProgramData"}
	for name, c := range map[string]struct {
		executable, goos string
		environ          []string
		want             string
	}{
		"a program that was unpacked somewhere":   {"/opt/identitymesh/secretscli", "linux", nil, "/opt/identitymesh"},
		"one from a package":                      {"/usr/lib/identitymesh/secretscli", "linux", nil, "/etc/identitymesh"},
		"one below the package's folder":          {"/usr/lib/identitymesh/old/secretscli", "linux", nil, "/usr/lib/identitymesh/old"},
		"one unpacked on Windows":                 {`D:\mesh\secretscli.exe`, "windows", windows, `D:\mesh`},
		"one from the installer":                  {`c:\program files\identitymesh\secretscli.exe`, "windows", windows, `C:\ProgramData\IdentityMesh`},
		"one there, without the system's folders": {`C:\Program Files\IdentityMesh\secretscli.exe`, "windows", nil, `C:\Program Files\IdentityMesh`},
		"one at the top of a drive":               {`D:\secretscli.exe`, "windows", windows, `D:\`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := boot.SettingsFolder(c.executable, c.goos, c.environ); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
