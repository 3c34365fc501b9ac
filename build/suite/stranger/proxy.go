package stranger

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/identitymesh/identitymesh/build/workspace"
)

// writeProxy lays the modules out as the Go module proxy protocol has them
// (go.dev/ref/mod#goproxy-protocol), each at the one version.
func writeProxy(dir string, modules []workspace.Module, version string) error {
	for _, m := range modules {
		if err := writeModule(dir, m, version); err != nil {
			return fmt.Errorf("serve %s: %w", m.Path, err)
		}
	}
	return nil
}

func writeModule(dir string, m workspace.Module, version string) error {
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(m.Dir, "go.mod"))
	if err != nil {
		return err
	}
	info := fmt.Sprintf(`{"Version":%q,"Time":%q}`, version, time.Now().UTC().Format(time.RFC3339))
	for name, data := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": []byte(info),
		version + ".mod":  mod,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		return err
	}
	if err := zip.CreateFromDir(f, module.Version{Path: m.Path, Version: version}, m.Dir); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
