package release_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/semver"

	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/workspace"
)

func TestSetVersionReachesEveryPlace(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.work"), "go 1.26\nuse (\n\t./a\n\t./b\n)\n")
	write(t, filepath.Join(root, "a", "go.mod"), "module example.test/a\n\ngo 1.26\n")
	other := "module example.test/b\n\ngo 1.26\n\nrequire (\n\texample.test/a v0.1.0\n\texample.test/foreign v0.1.0\n)\n\nreplace example.test/a => ../a\n"
	write(t, filepath.Join(root, "b", "go.mod"), other)
	file := filepath.Join(root, "build", "release", "release.go")
	source := "package release\n\n// Version is.\nconst Version = \"0.1.0\"\n\nconst other = \"0.1.0\"\n"
	write(t, file, source)
	w, err := workspace.Find(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "v0.2.0", "0.2", "next"} {
		if err := release.SetVersion(w, bad); err == nil {
			t.Errorf("%q is taken for a version", bad)
		}
	}
	if err := release.SetVersion(w, "0.2.0-dev"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		file:                               "package release\n\n// Version is.\nconst Version = \"0.2.0-dev\"\n\nconst other = \"0.1.0\"\n",
		filepath.Join(root, "a", "go.mod"): "module example.test/a\n\ngo 1.26\n",
		filepath.Join(root, "b", "go.mod"): "module example.test/b\n\ngo 1.26\n\nrequire (\n\texample.test/a v0.2.0-dev\n\texample.test/foreign v0.1.0\n)\n\nreplace example.test/a => ../a\n",
	} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s\n got %q, %v\nwant %q", name, got, err, want)
		}
	}
}

func TestTheSourceIsOnItsWayBeyondTheLastRelease(t *testing.T) {
	previous := "v0.0.0"
	for _, r := range release.Releases() {
		if semver.Compare("v"+r.Version, previous) <= 0 || len(r.Commit) != 40 {
			t.Errorf("release %+v after %s", r, previous)
		}
		previous = "v" + r.Version
	}
	if semver.Compare("v"+release.Version, previous) <= 0 {
		t.Errorf("the source is at %s, but %s was released", release.Version, previous)
	}
}
