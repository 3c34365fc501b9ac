package front_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/adminapi/front"
	"github.com/identitymesh/identitymesh/adminapi/problem"
)

// serve answers one request through a front with a few routes.
func serve(t *testing.T, r *http.Request, options ...func(*front.Config)) (*httptest.ResponseRecorder, string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "start") })
	mux.HandleFunc("GET /api/things/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "thing") })
	mux.HandleFunc("POST /api/things", func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	mux.HandleFunc("GET /api/sign-in", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ways") })
	mux.HandleFunc("GET /api/panic", func(http.ResponseWriter, *http.Request) { panic("c4nary") })
	var logs bytes.Buffer
	c := front.Config{
		Mux: mux, Listen: "127.0.0.1:5100", Hosts: []string{"mesh.example.net", "10.1.2.3"}, Vouches: func(name string) bool { return name == "cert.example.net" }, Public: []string{"GET /api/sign-in"}, Tracer: noop.NewTracerProvider(), Now: time.Now, NewID: func() string { return "new-id" },
		Logger: slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		SignIn: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "" {
					problem.Write(w, r, problem.New(http.StatusUnauthorized, "sign-in-required", "sign in"))
					return
				}
				next.ServeHTTP(w, r)
			})
		},
	}
	for _, set := range options {
		set(&c)
	}
	w := httptest.NewRecorder()
	front.New(c).ServeHTTP(w, r)
	return w, logs.String()
}

func request(method, target, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:5100"
	r.Header.Set("Authorization", "Bearer x")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestOnlyRequestsForThisHostAreAnswered(t *testing.T) {
	for host, ok := range map[string]bool{
		"127.0.0.1:5100": true, "127.0.0.1": true, "localhost:5100": true, "LOCALHOST": true, "[::1]:5100": true, "::1": true, "127.9.9.9:80": true,
		"[::ffff:127.0.0.1]:1": true,
		"mesh.example.net:443": true, "MESH.example.net": true, "10.1.2.3:5100": true, "cert.example.net:5100": true, "x.mesh.example.net": false,
		"evil.example:5100": false, "localhost.evil.example": false, "127.0.0.1.evil.example:5100": false, "10.0.0.1:5100": false, "": false, "[::2]": false, "0.0.0.0": false,
	} {
		r := request("GET", "/", "")
		r.Host = host
		w, _ := serve(t, r)
		if (w.Code == http.StatusOK) != ok || !ok && w.Code != http.StatusMisdirectedRequest {
			t.Errorf("Host %q gets %d", host, w.Code)
		}
	}
}

func TestAPageOfAnotherOriginMayNotChangeAnything(t *testing.T) {
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		if w, _ := serve(t, request("POST", "/api/things", "{}", header...)); w.Code != http.StatusForbidden {
			t.Errorf("%v gets %d", header, w.Code)
		}
	}
	for _, header := range [][]string{{}, {"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://127.0.0.1:5100"}} {
		if w, _ := serve(t, request("POST", "/api/things", "{}", header...)); w.Code != http.StatusOK {
			t.Errorf("%v gets %d", header, w.Code)
		}
	}
}

func TestEveryErrorIsAProblem(t *testing.T) {
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
		code   string
	}{
		{"an unknown path", request("GET", "/nothing", ""), 404, "no-such-path"},
		{"an unknown path of the API", request("GET", "/api/nothing", ""), 404, "no-such-path"},
		{"a method that is not taken", request("DELETE", "/api/things", ""), 405, "method-not-allowed"},
		{"a method that nobody knows", request("C4NARY", "/api/things", ""), 405, "method-not-allowed"},
		{"no sign-in on a known path", request("GET", "/api/things/1", "", "Authorization", ""), 401, "sign-in-required"},
		{"no sign-in on an unknown path", request("GET", "/api/nothing", "", "Authorization", ""), 401, "sign-in-required"},
		{"no sign-in on the folder itself", request("GET", "/api", "", "Authorization", ""), 401, "sign-in-required"},
		{"a panic", request("GET", "/api/panic", ""), 500, "internal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, logs := serve(t, c.r)
			var p problem.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Type != problem.Prefix+c.code || p.RequestID != "new-id" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if c.status == 405 && w.Header().Get("Allow") != "POST" {
				t.Errorf("Allow %q", w.Header().Get("Allow"))
			}
			if w.Header().Get("Content-Type") != problem.MediaType || strings.Contains(w.Body.String()+logs, "c4nary") || strings.Contains(logs, "C4NARY") {
				t.Errorf("headers %v, log %s", w.Header(), logs)
			}
		})
	}
}

func TestTheLogSaysWhichRouteAndNeverWhatWasInTheURL(t *testing.T) {
	w, logs := serve(t, request("GET", "/api/things/c4nary?ref=c4nary", "", front.RequestIDHeader, "mine-1"))
	var line struct {
		Method, Route, Remote string
		Status                int
		ID                    string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(logs), &line); err != nil {
		t.Fatalf("%v: %s", err, logs)
	}
	if line.Method != "GET" || line.Route != "/api/things/{id}" || line.Status != 200 || line.ID != "mine-1" || line.Remote == "" {
		t.Errorf("line %+v", line)
	}
	if strings.Contains(logs, "c4nary") || w.Header().Get(front.RequestIDHeader) != "mine-1" {
		t.Errorf("log %s, headers %v", logs, w.Header())
	}
	for _, id := range []string{"", "two words", strings.Repeat("x", 65), "line\nbreak"} {
		if w, _ := serve(t, request("GET", "/", "", front.RequestIDHeader, id)); w.Header().Get(front.RequestIDHeader) != "new-id" {
			t.Errorf("id %q was taken", id)
		}
	}
}

func TestAnswersTellBrowsersToKeepThemToThemselves(t *testing.T) {
	for path, store := range map[string]string{"/": "", "/api/things/1": "no-store", "/api/nothing": "no-store"} {
		w, _ := serve(t, request("GET", path, ""))
		h := w.Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != store {
			t.Errorf("%s has headers %v", path, h)
		}
	}
}

func TestABodyHasALimit(t *testing.T) {
	if w, _ := serve(t, request("POST", "/api/things", strings.Repeat("x", front.MaxBodyBytes))); w.Code != http.StatusOK {
		t.Errorf("a body at the limit gets %d", w.Code)
	}
	if w, _ := serve(t, request("POST", "/api/things", strings.Repeat("x", front.MaxBodyBytes+1))); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body above it gets %d", w.Code)
	}
}

func TestARequestWithoutAnIDIsKnownByItsTrace(t *testing.T) {
	traced := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{0xab, 1}, SpanID: trace.SpanID{1}}))
	for want, header := range map[string][]string{"ab010000000000000000000000000000": nil, "mine": {front.RequestIDHeader, "mine"}} {
		w, log := serve(t, request("GET", "/api/things/1", "", header...).WithContext(traced))
		if got := w.Header().Get(front.RequestIDHeader); got != want || !strings.Contains(log, want) {
			t.Errorf("got %q instead of %q; log %s", got, want, log)
		}
	}
}

func TestOnlyTLSIsAskedForAgainAndNotOnLoopback(t *testing.T) {
	for host, want := range map[string]string{"mesh.example.net": "max-age=31536000", "localhost:5100": "", "127.0.0.1": ""} {
		for _, encrypted := range []bool{false, true} {
			r := request("GET", "/", "")
			r.Host = host
			if encrypted {
				r.TLS = &tls.ConnectionState{}
			}
			w, _ := serve(t, r)
			if got := w.Header().Get("Strict-Transport-Security"); encrypted && got != want || !encrypted && got != "" {
				t.Errorf("%s, TLS %v: %q", host, encrypted, got)
			}
		}
	}
}

func TestOnlyPublicPatternsNeedNoSignIn(t *testing.T) {
	for target, want := range map[string]int{"/api/sign-in": 200, "/api/sign-in/": 401, "/api/things/1": 401, "/api//sign-in": 307} {
		r := request("GET", target, "", "Authorization", "")
		if w, _ := serve(t, r); w.Code != want {
			t.Errorf("%s gets %d", target, w.Code)
		}
	}
	if w, _ := serve(t, request("POST", "/api/sign-in", "", "Authorization", "")); w.Code != http.StatusUnauthorized {
		t.Errorf("another method gets %d", w.Code)
	}
}
