package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.golden.json anew")

const golden = "openapi.golden.json"

// forEverybody are the operations that need no sign-in.
func forEverybody() []string { return []string{"get-sign-in", "start-session"} }

// operation is what the tests read of the document.
type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Tags        []string
	Security    []map[string][]string
	Permission  string `json:"x-identitymesh-permission"`
	Parameters  []struct {
		Name, In string
		Required bool
	}
	RequestBody *struct {
		Content map[string]struct{ Schema map[string]any }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema map[string]any }
	}
}

type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Schemas map[string]struct {
			Properties map[string]map[string]any
		}
		SecuritySchemes map[string]any
	}
}

func (w *world) document() (d document, raw []byte) {
	w.t.Helper()
	a := w.send("GET", "/openapi.json", "", "Authorization", "").is(w.t, http.StatusOK, &d)
	return d, a.body
}

// statuses are those that operations answer with, by the pattern in routes.
type statuses struct {
	routes *http.ServeMux
	known  map[string][]string
}

// agreed fails the test when the document lacks the status of an answer that is no
// problem.
func (w *world) agreed(response *http.Response) {
	w.t.Helper()
	s := &w.statuses
	if s.routes == nil {
		text, err := os.ReadFile(golden)
		if err != nil {
			w.t.Fatal(err)
		}
		var d document
		if err := json.Unmarshal(text, &d); err != nil {
			w.t.Fatal(err)
		}
		s.routes, s.known = http.NewServeMux(), map[string][]string{}
		for path, item := range d.Paths {
			for method, op := range item {
				pattern := strings.ToUpper(method) + " " + path
				s.routes.Handle(pattern, http.NotFoundHandler())
				s.known[pattern] = slices.Collect(maps.Keys(op.Responses))
			}
		}
	}
	_, pattern := s.routes.Handler(response.Request)
	if status := strconv.Itoa(response.StatusCode); pattern != "" && status < "4" && !slices.Contains(s.known[pattern], status) {
		w.t.Errorf("%s answers %s, which the document does not have", pattern, status)
	}
}

func TestTheDocumentIsTheOneThatWasAgreedOn(t *testing.T) {
	_, raw := newWorld(t).document()
	raw = append(raw, '\n')
	if *update {
		if err := os.WriteFile(golden, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, want) {
		t.Errorf("the document changed; if that is meant, run the tests of this package with -update and review %s", golden)
	}
}

func TestTheDocumentIsComplete(t *testing.T) {
	w := newWorld(t)
	d, raw := w.document()
	if d.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s", d.OpenAPI)
	}
	for _, m := range regexp.MustCompile(`"\$ref": "#/components/schemas/([^"]+)"`).FindAllSubmatch(raw, -1) {
		if _, ok := d.Components.Schemas[string(m[1])]; !ok {
			t.Errorf("there is no schema %s", m[1])
		}
	}
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		var inPath []string
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
			inPath = append(inPath, m[1])
		}
		for method, op := range methods {
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s lacks an id of its own, a summary or a tag", method, path)
			}
			ids[op.OperationID] = true
			if slices.Contains(forEverybody(), op.OperationID) {
				if op.Security == nil || len(op.Security) != 0 || op.Permission != "" {
					t.Errorf("%s %s does not say that everybody may", method, path)
				}
			} else if len(op.Security) != 2 || op.Security[0]["token"] == nil || op.Security[1]["session"] == nil || op.Permission == "" ||
				d.Components.SecuritySchemes["token"] == nil || d.Components.SecuritySchemes["session"] == nil {
				t.Errorf("%s %s does not ask for a token or a session, and a permission", method, path)
			}
			if op.Responses["default"].Content["application/problem+json"].Schema["$ref"] != "#/components/schemas/Problem" || len(op.Responses) < 2 {
				t.Errorf("%s %s has responses %v", method, path, op.Responses)
			}
			for _, name := range inPath {
				if !slices.ContainsFunc(op.Parameters, func(p struct {
					Name, In string
					Required bool
				}) bool {
					return p.Name == name && p.In == "path" && p.Required
				}) {
					t.Errorf("%s %s does not describe %s", method, path, name)
				}
			}
			if takes := op.RequestBody != nil; takes != slices.Contains([]string{
				"create-connector", "update-connector", "start-run", "create-schedule", "update-schedule", "set-secret", "validate-plugin-config", "start-session", "create-token",
				"recover-secret", "purge-secret"}, op.OperationID) {
				t.Errorf("%s: has a body: %v", op.OperationID, takes)
			}
		}
	}
	if len(ids) < 24 {
		t.Errorf("only %d operations", len(ids))
	}
	y := w.send("GET", "/openapi.yaml", "", "Authorization", "").is(t, http.StatusOK, nil)
	if !bytes.Contains(y.body, []byte("openapi: 3.1.0")) || !bytes.Contains(y.body, []byte("set-secret")) {
		t.Error("the YAML form is another document")
	}
}

// TestNoAnswerHasAPlaceForAValue follows every schema that an answer can have.
func TestNoAnswerHasAPlaceForAValue(t *testing.T) {
	d, _ := newWorld(t).document()
	var follow func(node any, seen map[string]bool, visit func(schema, property string, s map[string]any))
	follow = func(node any, seen map[string]bool, visit func(string, string, map[string]any)) {
		text, err := json.Marshal(node)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`#/components/schemas/([^"]+)`).FindAllSubmatch(text, -1) {
			name := string(m[1])
			if seen[name] {
				continue
			}
			seen[name] = true
			for property, s := range d.Components.Schemas[name].Properties {
				visit(name, property, s)
				follow(s, seen, visit)
			}
		}
	}
	met, checked := map[string]bool{}, 0
	for _, methods := range d.Paths {
		for _, op := range methods {
			follow(op.Responses, met, func(schema, property string, s map[string]any) {
				checked++
				if strings.Contains(strings.ToLower(property), "value") || s["format"] == "password" || s["writeOnly"] == true {
					t.Errorf("%s.%s could hold a value", schema, property)
				}
			})
		}
	}
	if checked < 50 || !met["SecretMetadata"] || met["SecretInput"] {
		t.Errorf("%d properties of %v were looked at", checked, met)
	}
	for _, property := range []string{"value", "valueBase64"} {
		if s := d.Components.Schemas["SecretInput"].Properties[property]; s["writeOnly"] != true || s["format"] != "password" {
			t.Errorf("the input's %s is not write-only: %v", property, s)
		}
	}
}

func TestEveryOperationNeedsASignIn(t *testing.T) {
	w := newWorld(t)
	d, _ := w.document()
	n := 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			n++
			if slices.Contains(forEverybody(), op.OperationID) {
				continue
			}
			a := w.send(strings.ToUpper(method), strings.NewReplacer("{", "", "}", "").Replace(path), "{}", "Authorization", "")
			a.problem(t, http.StatusUnauthorized, "sign-in-required")
			if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s %s does not say how to sign in", method, path)
			}
			if len(a.body) > 600 {
				t.Errorf("%s %s says too much: %s", method, path, a.body)
			}
		}
	}
	if n < 24 {
		t.Errorf("only %d operations", n)
	}
	w.send("GET", "/api/nothing", "", "Authorization", "").problem(t, http.StatusUnauthorized, "sign-in-required")
}
