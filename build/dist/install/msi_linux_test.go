package install_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/suite/wine"
)

// The life of an installation, each step under the heading that the test reads it
// by. OLD and NEW stand for the folders of the packages.
const life = `
set P=C:\Program Files\IdentityMesh
set D=C:\ProgramData\IdentityMesh
echo #### install
msiexec /i OLD\identitymesh_0.1.9_windows_amd64.msi /qn ADDLOCAL=Engine,Plugin_dpapi
echo code %ERRORLEVEL%
dir /b "%P%"
dir /b "%D%"
reg query HKLM\SYSTEM\CurrentControlSet\Services\IdentityMeshEngine
reg query HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\IdentityMeshEngine
rem The installer does not wait until a service runs.
"%P%\identitymesh-engine.exe" service start
sc query IdentityMeshEngine
"%P%\secretscli.exe" doctor
echo // of the administrator >> "%D%\appsettings.json"
echo precious > "%D%\kept"
rem Wine does not wait until a service has stopped.
"%P%\identitymesh-engine.exe" service stop
echo #### upgrade
msiexec /i NEW\identitymesh_0.2.0-rc.1_windows_amd64.msi /qn
echo code %ERRORLEVEL%
dir /b "%P%"
type "%D%\appsettings.json"
type "%D%\kept"
"%P%\identitymesh-engine.exe" --version
sc query IdentityMeshEngine
sc query IdentityMeshAdmin
"%P%\secretscli.exe" doctor
"%P%\secretscli.exe" plugin list
echo #### plugin that is a feature already
msiexec /i NEW\identitymesh-plugin-keyvault_0.3.1_windows_amd64.msi /qn /l C:\refused.log
echo code %ERRORLEVEL%
type C:\refused.log
echo #### downgrade
msiexec /i OLD\identitymesh_0.1.9_windows_amd64.msi /qn /l C:\older.log
echo code %ERRORLEVEL%
type C:\older.log
"%P%\identitymesh-engine.exe" --version
"%P%\secretscli.exe" plugin list
"%P%\identitymesh-engine.exe" service stop
"%P%\identitymesh-adminapi.exe" service stop
echo #### remove
msiexec /x NEW\identitymesh_0.2.0-rc.1_windows_amd64.msi /qn
echo code %ERRORLEVEL%
dir /b "%P%"
dir /b "%D%"
reg query HKLM\Software\IdentityMesh /s
reg query HKLM\SYSTEM\CurrentControlSet\Services\IdentityMeshEngine
reg query HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\IdentityMeshEngine
type "%D%\appsettings.json"
type "%D%\kept"
echo #### plugin of its own
msiexec /i OLD\identitymesh-plugin-keyvault_0.1.9_windows_amd64.msi /qn
echo code %ERRORLEVEL%
msiexec /i NEW\identitymesh-plugin-keyvault_0.3.1_windows_amd64.msi /qn
echo code %ERRORLEVEL%
msiexec /i NEW\identitymesh_0.2.0-rc.1_windows_amd64.msi /qn ENGINEACCOUNT=LocalSystem
echo code %ERRORLEVEL%
"%P%\secretscli.exe" plugin list
reg query HKLM\Software\IdentityMesh /s
echo #### without it
msiexec /x NEW\identitymesh-plugin-keyvault_0.3.1_windows_amd64.msi /qn
echo code %ERRORLEVEL%
dir /b "%P%"
`

func TestInstallerForWindowsUnderWine(t *testing.T) {
	need(t, "wixl", "msibuild")
	old, next := packagesOf(t, older, "windows"), packagesOf(t, newer, "windows")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	out, err := wine.Batch(ctx, strings.NewReplacer("OLD", wine.Path(old), "NEW", wine.Path(next)).Replace(life))
	var missing *wine.MissingError
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skip("SKIPPED:", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	steps := make(map[string]string)
	for _, text := range strings.Split(out, "#### ")[1:] {
		heading, said, _ := strings.Cut(text, "\n")
		steps[strings.TrimSpace(heading)] = said
	}
	const settings, unmet = "// of the administrator", "LaunchConditions. Return value 0."
	for step, c := range map[string]struct{ want, not []string }{
		"install": {
			[]string{
				"code 0\n", "identitymesh-engine.exe\n", "secretscli.exe\n", "identitymesh-plugin-dpapi.lock.json\n", "appsettings.json\n",
				`NT SERVICE\IdentityMeshEngine`, `service run --name IdentityMeshEngine --config "C:\ProgramData\IdentityMesh\appsettings.json"`,
				`REG_EXPAND_SZ    %SystemRoot%\System32\EventCreate.exe`, "IdentityMeshEngine runs already", "RUNNING", "dpapi 0.1.9", "everything works",
			},
			[]string{"identitymesh-adminapi.exe", "keyvault"},
		},
		"upgrade": {
			[]string{
				"code 0\n", settings, "precious", "identitymesh-engine version 0.2.0-rc.1", "SERVICE_NAME: IdentityMeshEngine", "SERVICE_NAME: IdentityMeshAdmin",
				"dpapi 0.2.0-rc.1", "everything works", "0.3.1",
			},
			[]string{"STOPPED", "0.1.9", "changed"},
		},
		// Wine does not write a condition's message into the log.
		"plugin that is a feature already": {[]string{"code 1603\n", "PRODUCTHASIT = 0.3.1", unmet}, nil},
		"downgrade":                        {[]string{"code 1603\n", "NEWERFOUND = {", unmet, "version 0.2.0-rc.1", "0.3.1"}, []string{"changed"}},
		"remove": {
			[]string{"code 0\n", "appsettings.json\n", "kept\n", settings, "precious"},
			[]string{".exe", ".lock.json", "REG_"},
		},
		"plugin of its own": {
			[]string{"code 0\ncode 0\ncode 0\n", "0.3.1", "keyvault    REG_SZ    0.3.1", "dpapi    REG_SZ    0.2.0-rc.1", "IdentityMeshEngine    REG_SZ    LocalSystem",
				`IdentityMeshAdmin    REG_SZ    NT SERVICE\IdentityMeshAdmin`},
			[]string{"changed", "1603", `keyvault    REG_SZ    0.3.1
    dpapi`, `dpapi    REG_SZ    0.2.0-rc.1
    keyvault`},
		},
		"without it": {[]string{"code 0\n", "secretscli.exe", "dpapi.exe", "identitymesh-engine.exe"}, []string{"keyvault"}},
	} {
		t.Run(step, func(t *testing.T) {
			wants(t, steps[step], c.want...)
			for _, text := range c.not {
				if strings.Contains(steps[step], text) {
					t.Errorf("%q is in:\n%s", text, steps[step])
				}
			}
		})
	}
}

// The accounts and rights that Wine does not show are held where they are written.
func TestInstallerAsksForWhatWineCannotShow(t *testing.T) {
	need(t, "wixl", "msiinfo")
	file := filepath.Join(packagesOf(t, newer, "windows"), "identitymesh_"+newer+"_windows_amd64.msi")
	plugin := filepath.Join(packagesOf(t, newer, "windows"), "identitymesh-plugin-keyvault_"+ownVersion+"_windows_amd64.msi")
	wants(t, run(t, "msiinfo", "export", file, "LaunchCondition"), "NOT NEWERFOUND\tA newer version of IdentityMesh than 0.2.0 is installed. A downgrade is refused")
	wants(t, run(t, "msiinfo", "export", plugin, "LaunchCondition"), "NOT PRODUCTHASIT OR Installed\tThe plugin keyvault is installed as a feature", "REMOVE=Plugin_keyvault")
	for table, want := range map[string][]string{
		"MsiLockPermissionsEx": {"DATADIR\tCreateFolder\tD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;S-1-5-80-"},
		"Component":            {"\tDATADIR\t400\t\tAppSettings"},
		"Upgrade":              {"\t0.0.0\t0.2.0\t\t769\t\tOLDERFOUND", "\t0.2.0\t\t\t2\t\tNEWERFOUND"},
		"CustomAction": {"sc sidtype IdentityMeshEngine unrestricted", "sc config IdentityMeshAdmin start= delayed-auto",
			"actions= restart/5000/restart/30000/restart/300000 & sc failureflag IdentityMeshEngine 1"},
		"ServiceControl": {"IdentityMeshEngine\t162\t\t1", "IdentityMeshEngine\t1\t\t0"},
		"Property":       {"OLDERFOUND;NEWERFOUND;INSTALLDIR;ENGINEACCOUNT;ADMINACCOUNT"},
		"Condition":      {"Plugin_keyvault\t0\tOWN_KEYVAULT"},
	} {
		wants(t, run(t, "msiinfo", "export", file, table), want...)
	}
}
