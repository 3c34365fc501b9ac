package web

import (
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
)

//go:embed built
var built embed.FS

// Built returns the Admin UI that this binary was built with, and nil when it was
// built without.
func Built() fs.FS {
	if _, err := fs.Stat(built, "built/index.html"); err != nil {
		return nil
	}
	sub, err := fs.Sub(built, "built")
	if err != nil {
		panic(err) // the path is a constant
	}
	return sub
}

// nonceMark stands in the built page where each answer has its own nonce.
const nonceMark = "IDENTITYMESH-NONCE"

// uiPolicy lets scripts come from files of this origin only, and styles from
// those and from elements with the nonce, which the components make.
const uiPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonceMark + "'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// forever is for files whose names change with their content.
const forever = "public, max-age=31536000, immutable"

// registerUI adds the page at each of the UI's own routes, and the files that it
// loads, one by one.
func registerUI(mux *http.ServeMux, ui fs.FS) error {
	page, err := fs.ReadFile(ui, "index.html")
	if err != nil {
		return err
	}
	routes, err := readRoutes(ui)
	if err != nil {
		return err
	}
	for _, route := range routes {
		mux.Handle("GET "+route, serveUI(string(page)))
	}
	licenses, err := fs.ReadFile(ui, "licenses.md")
	if err != nil {
		return err
	}
	mux.Handle("GET /licenses.md", serve("text/plain; charset=utf-8", "no-cache", licenses, false))
	files, err := fs.Glob(ui, "assets/*")
	if err != nil {
		return err
	}
	types := map[string]string{".js": script, ".css": css}
	for _, name := range files {
		plain, compressed := strings.CutSuffix(name, ".gz")
		mediaType, known := types[path.Ext(plain)]
		if !compressed || !known {
			return fmt.Errorf("%s: a compressed script or style sheet was expected", name)
		}
		content, err := fs.ReadFile(ui, name)
		if err != nil {
			return err
		}
		mux.Handle("GET /"+plain, serve(mediaType, forever, content, true))
	}
	return nil
}

var parameter = regexp.MustCompile(`:([a-z]+)`)

// readRoutes returns the UI's routes as patterns of a mux.
func readRoutes(ui fs.FS) ([]string, error) {
	text, err := fs.ReadFile(ui, "routes.json")
	if err != nil {
		return nil, err
	}
	var routes []string
	if err := json.Unmarshal(text, &routes); err != nil {
		return nil, fmt.Errorf("routes.json: %w", err)
	}
	if len(routes) == 0 || routes[0] != "/" {
		return nil, errors.New("routes.json: / must come first")
	}
	routes[0] = "/{$}"
	for i, r := range routes {
		routes[i] = parameter.ReplaceAllString(r, "{$1}")
	}
	return routes, nil
}

// serveUI gives each answer a nonce of its own, so no answer may be kept.
func serveUI(page string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		nonce := rand.Text()
		h := w.Header()
		h.Set("Content-Security-Policy", strings.ReplaceAll(uiPolicy, nonceMark, nonce))
		h.Set("Content-Type", html)
		h.Set("Cache-Control", "no-store")
		_, _ = strings.NewReplacer(nonceMark, nonce).WriteString(w, page) // the client left; nobody can be told
	})
}
