package install_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
)

// root is this machine's own system, in which everything that is written goes
// elsewhere: package managers do there what they do in life, and leave no trace.
type root struct {
	t   *testing.T
	dir string
}

// enter mounts the system and runs a shell script in it. The mounts are seen by
// nobody else and end with the script. No service manager runs there.
const enter = `set -e
mount -t overlay overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs run "$1/root/run"
mount -t tmpfs tmp "$1/root/tmp"
mkdir "$1/root/tmp/packages"
mount --bind "$2" "$1/root/tmp/packages"
cd "$1/root"
exec chroot . /bin/sh -ec "$3"
`

func scratchRoot(t *testing.T) root {
	t.Helper()
	need(t, "unshare", "chroot", "setpriv")
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: installing packages takes root")
	}
	r := root{t: t, dir: t.TempDir()}
	for _, name := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(r.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// What the machine has of the product does not count.
	clean := "rm -rf /usr/lib/identitymesh /etc/identitymesh /var/lib/identitymesh /var/lib/rpm/*; userdel identitymesh 2>/dev/null || true"
	if out, err := r.run(r.dir, clean); err != nil {
		t.Skipf("SKIPPED: this machine lets nobody mount a scratch system: %v %s", err, out)
	}
	return r
}

// run runs the script with the folder of packages as /tmp/packages and returns
// what it said.
func (r root) run(packages, script string) (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	return command.Run(ctx, command.Spec{Env: []string{"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}, Args: []string{
		"unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", enter, "sh", r.dir, packages, script,
	}})
}

// must runs the script and fails the test unless it ends well.
func (r root) must(packages, script string) string {
	r.t.Helper()
	out, err := r.run(packages, script)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}
