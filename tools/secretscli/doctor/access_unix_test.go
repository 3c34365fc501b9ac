//go:build unix

package doctor_test

import (
	"os"
	"testing"

	"github.com/identitymesh/identitymesh/tools/secretscli/doctor"
)

func TestDataFolder(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, folder string)
		want   doctor.Status
	}{
		"only the owner may use it":  {func(t *testing.T, f string) { chmod(t, f, 0o700) }, doctor.OK},
		"others may look into it":    {func(t *testing.T, f string) { chmod(t, f, 0o750) }, doctor.Warn},
		"others may change it":       {func(t *testing.T, f string) { chmod(t, f, 0o770) }, doctor.Fail},
		"it belongs to another user": {giveAway, doctor.Warn},
		"it does not exist yet":      {func(t *testing.T, f string) { must(t, os.RemoveAll(f)) }, doctor.OK},
		"it is a file":               {func(t *testing.T, f string) { must(t, os.RemoveAll(f)); must(t, os.WriteFile(f, nil, 0o600)) }, doctor.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(t, w.config.Settings.Product.DataFolder)
			for _, check := range doctor.Examine(t.Context(), w.config).Checks {
				if check.Name == "data folder" && check.Status != c.want {
					t.Errorf("got %+v, want %s", check, c.want)
				}
			}
		})
	}
}

func giveAway(t *testing.T, folder string) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give a folder to another user")
	}
	must(t, os.Chown(folder, 65534, -1))
}

func chmod(t *testing.T, folder string, mode os.FileMode) {
	t.Helper()
	must(t, os.Chmod(folder, mode))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
