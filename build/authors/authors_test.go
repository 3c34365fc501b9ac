// Package authors_test walks the way of docs/authors as an author would: it writes
// the files of the pages and runs their commands, in order, in an empty folder,
// with the SDK from a module proxy.
package authors_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/suite/stranger"
	"github.com/identitymesh/identitymesh/build/workspace"
)

const (
	// sdkVersion is the one that the pages ask for.
	sdkVersion = "v0.1.0"
	// storeFolder is the one that the pages name; each run has its own.
	storeFolder = "/tmp/acme-check"
	// oneBlock bounds a block of commands, which may compile the whole SDK.
	oneBlock = 5 * time.Minute
)

func TestTheWayOfAnAuthorWorks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: the pages are written for the shell and tools of Linux")
	}
	a := newAuthor(t)
	for _, page := range pages(t, a.root) {
		checkLinks(t, page)
		// What follows builds on the page, so the first failure ends the way.
		ok := t.Run(filepath.Base(page), func(t *testing.T) {
			for _, b := range blocks(t, page) {
				a.do(t, b)
			}
		})
		if !ok {
			break
		}
	}
}

func TestLinksOfTheOtherPages(t *testing.T) {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"docs/authors/README.md", "docs/authors/examples/python/README.md", "sdk/template/README.md"} {
		checkLinks(t, filepath.Join(w.Root, filepath.FromSlash(page)))
	}
}

// author is somebody with an empty folder, a shell, Go, and secretscli.
type author struct {
	root     string
	here     string // where the shell is
	env      []string
	template string // all code of the template, for excerpts
	store    string
}

func newAuthor(t *testing.T) *author {
	w, err := workspace.Find("")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "im-") // short, because sockets lie below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	env, err := stranger.Serve(t.Context(), dir, w, sdkVersion)
	if err != nil {
		t.Fatal(err)
	}
	bin, here := filepath.Join(dir, "bin"), filepath.Join(dir, "work")
	if err := os.Mkdir(here, 0o700); err != nil {
		t.Fatal(err)
	}
	build := command.Spec{Dir: filepath.Join(w.Root, "tools", "secretscli"), Env: []string{"CGO_ENABLED=0", "GOWORK=off"},
		Args: []string{"go", "build", "-o", filepath.Join(bin, "secretscli"), "./cmd/secretscli"}}
	if _, err := command.Run(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	return &author{root: w.Root, here: here, template: templateCode(t, w.Root), store: filepath.Join(dir, "store"),
		env: append(env, "IDENTITYMESH="+w.Root, "PATH="+bin+":"+os.Getenv("PATH"),
			// Sums of other modules are compared with those of the SDK by the build itself.
			"GOSUMDB=off")}
}

func templateCode(t *testing.T, root string) string {
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(root, "sdk", "template"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// do writes a block into its file, runs it, or finds it in the template.
func (a *author) do(t *testing.T, b block) {
	t.Helper()
	text := strings.ReplaceAll(b.text, storeFolder, a.store)
	switch {
	case b.file != "":
		path := filepath.Join(a.here, b.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	case b.language == "sh":
		a.run(t, b, text)
	case b.language == "go":
		if !strings.Contains(a.template, b.text) {
			t.Errorf("%s:%d: this code is not in the template", b.page, b.line)
		}
	case b.language != "text":
		t.Errorf("%s:%d: nobody tries this block", b.page, b.line)
	}
}

// run runs commands; the next ones begin in the folder where these ended.
func (a *author) run(t *testing.T, b block, commands string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), oneBlock)
	defer cancel()
	where := filepath.Join(filepath.Dir(a.store), "where")
	start := time.Now()
	out, err := command.Run(ctx, command.Spec{Dir: a.here, Env: append(a.env, "WHERE="+where),
		Args: []string{"sh", "-eu", "-c", commands + "\npwd > \"$WHERE\""}})
	if err != nil {
		t.Fatalf("%s:%d: %v\n%s", b.page, b.line, err, out)
	}
	t.Logf("%s:%d took %s\n%s", b.page, b.line, time.Since(start).Round(time.Millisecond), out)
	here, err := os.ReadFile(where)
	if err != nil {
		t.Fatal(err)
	}
	a.here = strings.TrimSpace(string(here))
}
