package install_test

import (
	"strings"
	"testing"
)

// manager is a package manager: scripts that install, and so upgrade, the files in
// /tmp/packages, and that remove what was installed.
type manager struct {
	tool, install, remove string
	// refusal is what it says of a downgrade, installed what shows the versions.
	refusal   []string
	installed string
}

const names = "identitymesh identitymesh-plugin-dpapi identitymesh-plugin-keyvault"

func managers() map[string]manager {
	return map[string]manager{
		"deb": {
			tool: "dpkg", install: "dpkg --install /tmp/packages/*.deb", remove: "dpkg --remove " + names,
			refusal:   []string{"A downgrade is refused", "version 0.2.0~rc.1 is installed", "Nothing was changed"},
			installed: "dpkg-query --show --showformat '${Package} ${Version} ${db:Status-Status}\\n' " + names,
		},
		// Nothing else of this system was installed by rpm, so no dependency is there to it.
		"rpm": {
			tool: "rpm", install: "rpm --upgrade --nodeps /tmp/packages/*.rpm", remove: "rpm --erase --nodeps " + names,
			refusal:   []string{"(which is newer than", "is already installed"},
			installed: "rpm --query --queryformat '%{NAME} %{VERSION} installed\\n' " + names,
		},
	}
}

// What build/package/README.md says of each file: mode, owner, group and name.
const layout = `755 root root /usr/lib/identitymesh
755 root root /usr/lib/identitymesh/identitymesh-engine
755 root root /usr/lib/identitymesh/identitymesh-adminapi
755 root root /usr/lib/identitymesh/identitymesh-migrate
755 root root /usr/lib/identitymesh/secretscli
755 root root /usr/lib/identitymesh/identitymesh-plugin-dpapi
644 root root /usr/lib/identitymesh/identitymesh-plugin-dpapi.lock.json
755 root root /usr/lib/identitymesh/identitymesh-plugin-keyvault
644 root root /usr/lib/identitymesh/identitymesh-plugin-keyvault.lock.json
750 root identitymesh /etc/identitymesh
640 root identitymesh /etc/identitymesh/appsettings.json
700 identitymesh identitymesh /var/lib/identitymesh
644 root root /usr/lib/systemd/system/identitymesh-engine.service
644 root root /usr/lib/systemd/system/identitymesh-adminapi.service
644 root root /usr/lib/sysusers.d/identitymesh.conf
644 root root /usr/share/doc/identitymesh/copyright
644 root root /usr/share/doc/identitymesh/identitymesh.cdx.json
777 root root /usr/bin/identitymesh-engine
777 root root /usr/bin/identitymesh-adminapi
777 root root /usr/bin/identitymesh-migrate
777 root root /usr/bin/secretscli
`

// asService runs a program as the services' account, without root's rights.
const asService = "setpriv --reuid identitymesh --regid identitymesh --clear-groups "

// engineStarts starts what the unit starts, as its account, and stops it again.
const engineStarts = `
line=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/identitymesh-engine.service)
` + asService + `$line >/tmp/said 2>&1 &
pid=$!
for i in $(seq 300); do
	if grep -q 'is running' /tmp/said || ! kill -0 $pid; then break; fi
	sleep 0.1
done
kill -TERM $pid
wait $pid && echo "it ended well" || echo "it ended with $?"
cat /tmp/said
`

func TestPackagesAreInstalledUpgradedAndRemoved(t *testing.T) {
	for format, m := range managers() {
		t.Run(format, func(t *testing.T) {
			need(t, m.tool)
			r := scratchRoot(t)
			first, second := packagesOf(t, older, "linux"), packagesOf(t, newer, "linux")

			r.must(first, m.install)
			wants(t, r.must(first, m.installed), "identitymesh 0.1.9 installed", "identitymesh-plugin-keyvault 0.1.9 installed")
			if got := r.must(first, "stat --format '%a %U %G %n' "+paths()); got != layout {
				t.Errorf("installed is\n%swant\n%s", got, layout)
			}
			wants(t, r.must(first, "identitymesh-engine --version; getent passwd identitymesh"), "0.1.9", "/var/lib/identitymesh", "nologin")
			wants(t, r.must(first, asService+"secretscli doctor"), "read /etc/identitymesh/appsettings.json", "0.1.9")

			// What the administrator and the services write from now on is theirs.
			r.must(first, `sed -i 's/"Strict": true/"Strict": false/' /etc/identitymesh/appsettings.json
				`+asService+`sh -c 'echo precious > /var/lib/identitymesh/kept'`)
			r.must(second, m.install)
			wants(t, r.must(second, m.installed), "identitymesh 0.2.0~rc.1 installed", "identitymesh-plugin-dpapi 0.2.0~rc.1 installed",
				"identitymesh-plugin-keyvault 0.3.1 installed")
			wants(t, r.must(second, "cat /etc/identitymesh/appsettings.json /var/lib/identitymesh/kept"), `"Strict": false`, "precious")
			if got := r.must(second, "stat --format '%a %U %G %n' "+paths()); got != layout {
				t.Errorf("after the upgrade it is\n%swant\n%s", got, layout)
			}
			works(t, r, second)

			out, err := r.run(first, m.install)
			if err == nil {
				t.Error("a downgrade went through")
			}
			wants(t, out, m.refusal...)
			wants(t, r.must(first, m.installed), "identitymesh 0.2.0~rc.1 installed", "identitymesh-plugin-keyvault 0.3.1 installed")
			works(t, r, second)

			r.must(second, m.remove)
			left := r.must(second, "find /usr/lib/identitymesh /usr/bin/secretscli /usr/bin/identitymesh-* /usr/lib/systemd/system/identitymesh-* "+
				"/usr/lib/sysusers.d/identitymesh.conf /usr/share/doc/identitymesh* 2>/dev/null || true")
			if left != "" {
				t.Errorf("it left behind:\n%s", left)
			}
			// rpm keeps a changed configuration file under another name.
			wants(t, r.must(second, "cat /etc/identitymesh/appsettings.json* /var/lib/identitymesh/kept"), `"Strict": false`, "precious")
		})
	}
}

func paths() string {
	var out []string
	for line := range strings.Lines(layout) {
		out = append(out, strings.Fields(line)[3])
	}
	return strings.Join(out, " ")
}

// works shows that the installed engine runs with the installed plugin, and that
// each plugin is the one that its own package pinned.
func works(t *testing.T, r root, packages string) {
	t.Helper()
	wants(t, r.must(packages, engineStarts), "identitymesh-engine is running", "it ended well")
	wants(t, r.must(packages, "identitymesh-engine --version"), newer)
	wants(t, r.must(packages, asService+"secretscli doctor"), "dpapi "+newer, "identitymesh-plugin-dpapi.lock.json pins it")
	var states int
	for line := range strings.Lines(r.must(packages, asService+"secretscli plugin list")) {
		if strings.HasPrefix(line, "DPAPI") && strings.Contains(line, "ok") && strings.Contains(line, newer) ||
			strings.HasPrefix(line, "AzureKeyVault") && strings.Contains(line, "ok") && strings.Contains(line, ownVersion) {
			states++
		}
	}
	if states != 2 {
		t.Error("not both plugins are as their packages brought them")
	}
}
