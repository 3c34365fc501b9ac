package web_test

import (
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/identitymesh/identitymesh/adminapi/web"
)

// maxFirstLoad is what a browser may have to fetch before it shows something, in
// bytes as they travel.
const maxFirstLoad = 300_000

// builtUI is what make build made.
func builtUI(t *testing.T) fs.FS {
	t.Helper()
	ui := web.Built()
	if ui == nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the Admin UI was not built; make build does that")
		}
		t.Skip("the Admin UI was not built; make build does that where Node.js is")
	}
	return ui
}

var references = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

func TestTheFirstLoadOfTheUIIsSmallAndKeptForEver(t *testing.T) {
	ui := builtUI(t)
	_, page := getFrom(t, ui, "/", "gzip")
	total, files := len(page), 0
	for _, m := range references.FindAllStringSubmatch(page, -1) {
		response, body := getFrom(t, ui, m[1], "gzip")
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", m[1], response.StatusCode)
		}
		total += len(body)
		if !strings.HasPrefix(m[1], "/assets/") {
			continue
		}
		files++
		if h := response.Header; h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s has headers %v", m[1], h)
		}
	}
	// The page at / is fetched by the first script, with all that it imports.
	for name, body := range firstPage(t, ui) {
		if !strings.Contains(page, name) {
			total += body
			files++
		}
	}
	t.Logf("%d bytes", total)
	if files < 2 || total > maxFirstLoad {
		t.Errorf("the first load has %d files and %d bytes; at most %d are allowed", files, total, maxFirstLoad)
	}
}

var imports = regexp.MustCompile(`(?:from|import)"\./([^"]+)"`)

// firstPage returns the scripts of the page at / and what they import, with their
// sizes as they travel.
func firstPage(t *testing.T, ui fs.FS) map[string]int {
	t.Helper()
	found := map[string]int{}
	next, err := fs.Glob(ui, "assets/OverviewPage-*.js.gz")
	if err != nil || len(next) != 1 {
		t.Fatalf("scripts of the first page: %v, %v", next, err)
	}
	for len(next) > 0 {
		name := strings.TrimSuffix(strings.TrimPrefix(next[0], "assets/"), ".gz")
		next = next[1:]
		if _, known := found[name]; known {
			continue
		}
		_, compressed := getFrom(t, ui, "/assets/"+name, "gzip")
		found[name] = len(compressed)
		_, plain := getFrom(t, ui, "/assets/"+name, "")
		for _, m := range imports.FindAllStringSubmatch(plain, -1) {
			next = append(next, m[1])
		}
	}
	if len(found) < 3 {
		t.Fatalf("the scripts of the first page import nothing: %v", found)
	}
	return found
}

func TestTheUIHasAStrictPolicyWithANonceForEachAnswer(t *testing.T) {
	ui := builtUI(t)
	var nonces []string
	for range 2 {
		response, page := getFrom(t, ui, "/", "")
		policy := response.Header.Get("Content-Security-Policy")
		m := regexp.MustCompile(`'nonce-([A-Za-z0-9]{20,})'`).FindStringSubmatch(policy)
		if m == nil || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") ||
			!strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") {
			t.Fatalf("policy %s", policy)
		}
		if !strings.Contains(page, `property="csp-nonce" nonce="`+m[1]+`"`) || strings.Contains(page, "IDENTITYMESH") {
			t.Errorf("the page does not tell the nonce of its policy")
		}
		if inline.MatchString(page) || strings.Contains(page, "<style") || strings.Contains(page, "//") {
			t.Errorf("the page has a script or a style inside, or loads from elsewhere:\n%s", page)
		}
		if response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("a page with a nonce may be kept: %v", response.Header)
		}
		nonces = append(nonces, m[1])
	}
	if nonces[0] == nonces[1] {
		t.Error("two answers have the same nonce")
	}
}

// small is a UI of two routes.
func small() fstest.MapFS {
	return fstest.MapFS{
		"index.html":         {Data: []byte("the UI, nonce IDENTITYMESH-NONCE")},
		"routes.json":        {Data: []byte(`["/", "/things/:id"]`)},
		"licenses.md":        {Data: []byte("licences")},
		"assets/a-1b2.js.gz": {Data: []byte("\x1f\x8b")},
	}
}

func TestTheUIAnswersItsOwnRoutesOnly(t *testing.T) {
	for path, want := range map[string]int{
		"/":                http.StatusOK,
		"/things/7":        http.StatusOK,
		"/things":          http.StatusNotFound,
		"/things/7/more":   http.StatusNotFound,
		"/assets/a-1b2.js": http.StatusOK,
		"/assets/":         http.StatusNotFound,
		"/assets":          http.StatusNotFound,
		"/assets/b.js":     http.StatusNotFound,
		"/routes.json":     http.StatusNotFound,
		"/README.md":       http.StatusNotFound,
		"/index.html":      http.StatusNotFound,
		"/licenses.md":     http.StatusOK,
		"/docs":            http.StatusOK,
	} {
		response, body := getFrom(t, small(), path, "gzip")
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, response.StatusCode, want)
		}
		if isUI := strings.HasPrefix(body, "the UI"); isUI != (path == "/" || path == "/things/7") {
			t.Errorf("%s is the UI's page: %t", path, isUI)
		}
	}
}

func TestADamagedUIIsRefusedAtTheStart(t *testing.T) {
	for name, change := range map[string]func(fstest.MapFS){
		"routes that are no list":          func(ui fstest.MapFS) { ui["routes.json"].Data = []byte("{}") },
		"routes without the first page":    func(ui fstest.MapFS) { ui["routes.json"].Data = []byte(`["/things"]`) },
		"no routes":                        func(ui fstest.MapFS) { delete(ui, "routes.json") },
		"an asset of a kind nobody serves": func(ui fstest.MapFS) { ui["assets/a.exe"] = &fstest.MapFile{} },
	} {
		ui := small()
		change(ui)
		if err := web.Register(http.NewServeMux(), ui); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
