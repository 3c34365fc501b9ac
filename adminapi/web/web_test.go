package web_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/web"
)

// get asks for a page of a program without the UI.
func get(t *testing.T, path, encoding string) (*http.Response, string) {
	t.Helper()
	return getFrom(t, nil, path, encoding)
}

func getFrom(t *testing.T, ui fs.FS, path, encoding string) (*http.Response, string) {
	t.Helper()
	mux := http.NewServeMux()
	if err := web.Register(mux, ui); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

// loads are what a browser fetches by itself: sources, style sheets, images,
// imports. Links that a person follows are not among them.
var loads = []*regexp.Regexp{
	regexp.MustCompile(`(?i)<(?:script|img|iframe|link|source|object|embed)[^>]*?(?:src|href|data)="([^"]*)"`),
	regexp.MustCompile(`(?i)url\(\s*['"]?([^'")]+)`),
	regexp.MustCompile(`(?i)@import\s+['"]?([^'";]+)`),
	regexp.MustCompile(`(?i)\burl:\s*["']([^"']+)["']`),
}

// inline is a script element with text, or an event handler.
var inline = regexp.MustCompile(`(?i)<script[^>]*>[^<\s]|\son[a-z]+="`)

func TestThePagesLoadNothingFromAnotherOrigin(t *testing.T) {
	pending, seen := []string{"/", "/docs"}, map[string]bool{}
	for len(pending) > 0 {
		path := pending[0]
		pending = pending[1:]
		if seen[path] || path == "/openapi.json" {
			continue
		}
		seen[path] = true
		response, body := get(t, path, "")
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, response.StatusCode)
			continue
		}
		policy := response.Header.Get("Content-Security-Policy")
		if strings.Contains(policy, "http") || strings.Contains(policy, "*") || !strings.HasPrefix(policy, "default-src 'none'") ||
			strings.Contains(policy, "script-src 'self' 'unsafe") || strings.Contains(policy, "'unsafe-eval'") {
			t.Errorf("%s has the policy %s", path, policy)
		}
		if strings.HasSuffix(path, "bundle.js") {
			continue // minified code, which the policy holds back
		}
		for _, pattern := range loads {
			for _, m := range pattern.FindAllStringSubmatch(body, -1) {
				target := m[1]
				switch {
				case strings.HasPrefix(target, "data:"), strings.HasPrefix(target, "#"):
				case strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//"):
					pending = append(pending, target)
				default:
					t.Errorf("%s loads %s", path, target)
				}
			}
		}
		if inline.MatchString(body) && strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s has a script inside, which its policy refuses", path)
		}
	}
	for _, want := range []string{"/page.css", "/docs/docs.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"} {
		if !seen[want] {
			t.Errorf("%s was not reached", want)
		}
	}
}

func TestTheDocumentationAsksNoValidator(t *testing.T) {
	if _, script := get(t, "/docs/docs.js", ""); !strings.Contains(script, "validatorUrl: null") {
		t.Error("Swagger UI would send the document to its validator")
	}
}

func TestWithoutTheUIAPageSaysHowToBuildIt(t *testing.T) {
	_, page := get(t, "/", "")
	for _, want := range []string{"IdentityMesh", `href="/docs"`, `href="/openapi.json"`, "admin-token", "token reset", "make build", "nodejs npm"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestALargeFileIsSentAsTheClientCanReadIt(t *testing.T) {
	packed, body := get(t, "/docs/swagger-ui-bundle.js", "br, gzip")
	if packed.Header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(body, "\x1f\x8b") {
		t.Errorf("headers %v", packed.Header)
	}
	plain, text := get(t, "/docs/swagger-ui-bundle.js", "")
	if plain.Header.Get("Content-Encoding") != "" || !strings.Contains(text, "SwaggerUIBundle") || len(text) <= len(body) {
		t.Errorf("headers %v, %d bytes", plain.Header, len(text))
	}
}
