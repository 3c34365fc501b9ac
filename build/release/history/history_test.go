package history_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/release"
	"github.com/identitymesh/identitymesh/build/release/history"
)

// clone is a repository made for a test.
type clone struct {
	*testing.T
	dir string
}

func newClone(t *testing.T) clone {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	// Variables of a git hook would lead every command to another repository.
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	c := clone{t, t.TempDir()}
	c.git("init", "--quiet")
	return c
}

func (c clone) git(args ...string) string {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.test"}, args...)...)
	cmd.Dir = c.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes one whose files have the text, and returns it.
func (c clone) commit(text string) string {
	c.Helper()
	for _, name := range []string{"top", "sdk/inner/file"} {
		name = filepath.Join(c.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			c.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			c.Fatal(err)
		}
	}
	c.git("add", ".")
	c.git("commit", "--quiet", "--message", text)
	return c.git("rev-parse", "HEAD")
}

func TestSourceIsThatOfTheRelease(t *testing.T) {
	c := newClone(t)
	past := release.Past{Version: "0.1.0", Commit: c.commit("old")}
	c.commit("new")
	for below, file := range map[string]string{"": "sdk/inner/file", "sdk": "inner/file"} {
		dir := t.TempDir()
		if err := history.Source(t.Context(), c.dir, past, below, dir); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file))); err != nil || string(text) != "old" {
			t.Errorf("%q: %q, %v", below, text, err)
		}
	}
	if status := c.git("status", "--porcelain"); status != "" {
		t.Errorf("the clone was changed: %s", status)
	}
}

func TestAMissingHistoryIsTold(t *testing.T) {
	c := newClone(t)
	old := release.Past{Version: "0.1.0", Commit: c.commit("old")}
	c.commit("new")
	shallow := filepath.Join(t.TempDir(), "shallow")
	c.git("clone", "--quiet", "--depth=1", "file://"+filepath.ToSlash(c.dir), shallow)
	for name, root := range map[string]string{"a shallow clone": shallow, "no clone": t.TempDir()} {
		var missing *history.MissingError
		if err := history.Source(t.Context(), root, old, "", t.TempDir()); !errors.As(err, &missing) ||
			!strings.Contains(err.Error(), "0.1.0") || !strings.Contains(err.Error(), "git fetch") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var missing *history.MissingError
	if err := history.CheckTags(t.Context(), t.TempDir(), nil); !errors.As(err, &missing) {
		t.Errorf("tags of no clone: %v", err)
	}
}

func TestCheckTags(t *testing.T) {
	c := newClone(t)
	first, second, head := c.commit("1"), c.commit("2"), c.commit("3")
	recorded := []release.Past{{Version: "0.1.0", Commit: first}}
	for name, tc := range map[string]struct {
		tags [][]string
		want string
	}{
		"a clone without tags":                       {nil, ""},
		"tags of what is recorded":                   {[][]string{{"sdk/v0.1.0", first}, {"plugins/dpapi/v0.1.0", first}}, ""},
		"an annotated one":                           {[][]string{{"--annotate", "--message", "m", "sdk/v0.1.0", first}}, ""},
		"one that points elsewhere":                  {[][]string{{"sdk/v0.1.0", second}}, "sdk/v0.1.0 points to " + second},
		"one that was forgotten in the record":       {[][]string{{"sdk/v0.2.0", second}}, "sdk/v0.2.0 is not recorded"},
		"one that is just being made":                {[][]string{{"sdk/v0.2.0", head}}, ""},
		"a tag that is no module's, or no version's": {[][]string{{"v0.2.0", second}, {"sdk/next", second}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, tag := range tc.tags {
				c.git(append([]string{"tag"}, tag...)...)
			}
			err := history.CheckTags(t.Context(), c.dir, recorded)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
			for tag := range strings.FieldsSeq(c.git("tag")) {
				c.git("tag", "--delete", tag)
			}
		})
	}
}
