// Package web serves the pages that a browser shows: the Admin UI and, at /docs,
// the OpenAPI document for people. Everything they need is in this binary; their
// policies forbid requests to any other origin.
//
// The UI's source is in adminapi/ui; a binary that was built without it has a page
// that says so. Start reading at [Register].
package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/swaggest/swgui/v5/static"
)

//go:embed pages
var pages embed.FS

// policy lets a page load from its own origin only. Swagger UI sets styles of
// single elements and has images in its style sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// asset is a file that never changes while the process lives.
type asset struct {
	route, mediaType string
	// name in pages, or in Swagger UI's files, which are compressed.
	page, swagger string
}

const html, css, script = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8"

// start is the page in the place of the UI, where that was not built.
func start() asset { return asset{route: "/{$}", mediaType: html, page: "index.html"} }

func assets() []asset {
	return []asset{
		{route: "/page.css", mediaType: css, page: "page.css"},
		{route: "/docs", mediaType: html, page: "docs.html"},
		{route: "/docs/docs.js", mediaType: script, page: "docs.js"},
		{route: "/docs/swagger-ui.css", mediaType: css, swagger: "swagger-ui.css.gz"},
		{route: "/docs/swagger-ui-bundle.js", mediaType: script, swagger: "swagger-ui-bundle.js.gz"},
		{route: "/favicon.ico", mediaType: "image/png", swagger: "favicon-32x32.png"},
	}
}

// Register adds the pages to mux. ui is the built Admin UI, as [Built] returns it.
func Register(mux *http.ServeMux, ui fs.FS) error {
	all := assets()
	if ui == nil {
		all = append(all, start())
	} else if err := registerUI(mux, ui); err != nil {
		return fmt.Errorf("embedded Admin UI: %w", err)
	}
	for _, a := range all {
		var content []byte
		var err error
		if a.page != "" {
			content, err = pages.ReadFile("pages/" + a.page)
		} else {
			content, err = static.FS.ReadFile(a.swagger)
		}
		if err != nil {
			return fmt.Errorf("embedded page %s: %w", a.route, err)
		}
		mux.Handle("GET "+a.route, serve(a.mediaType, "no-cache", content, strings.HasSuffix(a.swagger, ".gz")))
	}
	return nil
}

func serve(mediaType, cache string, content []byte, compressed bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Content-Type", mediaType)
		h.Set("Cache-Control", cache)
		if !compressed {
			_, _ = w.Write(content) // the client left; nobody can be told
			return
		}
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			_, _ = w.Write(content)
			return
		}
		plain, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			http.Error(w, "the embedded file is damaged", http.StatusInternalServerError)
			return
		}
		_, _ = io.Copy(w, plain)
	})
}
