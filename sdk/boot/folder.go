package boot

import (
	"path"
	"strings"
)

// SettingsFolder returns the folder of appsettings.json for a program that was
// told none: its own folder, but for one in the folder of the packages, whose
// settings lie where the system keeps settings: /etc/identitymesh, or
// %ProgramData%\IdentityMesh for %ProgramFiles%\IdentityMesh. So a tool that an
// operator runs reads what the services read.
//
// executable is the path of the program with symbolic links followed, goos the
// system it runs on, environ its environment.
func SettingsFolder(executable, goos string, environ []string) string {
	if goos != "windows" {
		if folder := path.Dir(executable); folder != "/usr/lib/identitymesh" {
			return folder
		}
		return "/etc/identitymesh"
	}
	folder := executable[:strings.LastIndexAny(executable, `\/`)+1]
	if trimmed := strings.TrimRight(folder, `\/`); !strings.HasSuffix(trimmed, ":") {
		folder = trimmed // D:\ stays what it is: D: would be another folder
	}
	programs, data := variable(environ, "ProgramFiles"), variable(environ, "ProgramData")
	if programs == "" || data == "" || !strings.EqualFold(folder, programs+`\IdentityMesh`) {
		return folder
	}
	return data + `\IdentityMesh`
}

// variable returns a variable of Windows, where their names have no case.
func variable(environ []string, name string) string {
	for _, kv := range environ {
		if key, value, _ := strings.Cut(kv, "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}
