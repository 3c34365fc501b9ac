// Package content says what is in the packages beside the programs: settings to
// start from, units, the account, the licence.
//
// Where the files lie on a system is in build/package/README.md. Start reading at
// [Write].
package content

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/identitymesh/identitymesh/build/workspace"
)

//go:embed appsettings.json
var settings string

// Files are paths of files to pack.
type Files struct {
	// Settings for the tools of a system to install, and Example the same for those
	// who unpack an archive.
	Settings, Example string
	// EngineUnit and AdminUnit are for systemd, Account for systemd-sysusers.
	EngineUnit, AdminUnit, Account string
	Licence                        string
}

// DataFolder is where the Linux packages have the data.
const DataFolder = "/var/lib/identitymesh"

// Write writes what is not in the workspace as it is to packed into the folder,
// for the system as Go calls it.
func Write(w workspace.Workspace, folder, system string) (Files, error) {
	units := filepath.Join(w.Root, "build", "package", "systemd")
	f := Files{
		Settings: filepath.Join(folder, "appsettings.json"), Example: filepath.Join(folder, "appsettings.example.json"),
		EngineUnit: filepath.Join(units, "identitymesh-engine.service"), AdminUnit: filepath.Join(units, "identitymesh-adminapi.service"),
		Account: filepath.Join(units, "identitymesh.sysusers"), Licence: filepath.Join(w.Root, "LICENSE"),
	}
	data := DataFolder
	if system == "windows" {
		data = "" // the default there is the same for every account
	}
	for path, data := range map[string]string{f.Settings: data, f.Example: ""} {
		text, err := template.New("settings").Parse(settings)
		if err != nil {
			return f, fmt.Errorf("write the settings: %w", err)
		}
		var out bytes.Buffer
		if err := text.Execute(&out, struct{ DataFolder string }{data}); err != nil {
			return f, fmt.Errorf("write the settings: %w", err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			return f, fmt.Errorf("write the settings: %w", err)
		}
	}
	return f, nil
}
