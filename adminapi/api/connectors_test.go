package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/store"
)

const ldapConfig = `{"directory":"ldap","host":"ldap.example.test","baseDn":"dc=example,dc=test","bindDn":"cn=reader,dc=example,dc=test","passwordSecretRef":"secret://ad/svc/password"}`

func input(name string) string {
	return fmt.Sprintf(`{"name":%q,"type":"ldap","config":%s}`, name, ldapConfig)
}

func (w *world) connector(name string) api.Connector {
	w.t.Helper()
	var c api.Connector
	w.send("POST", "/api/connectors", input(name)).is(w.t, http.StatusCreated, &c)
	return c
}

// engine lets an engine live, and returns who claims its runs.
func (w *world) engine(name string) store.Claimant {
	w.t.Helper()
	if err := w.store.Register(w.t.Context(), store.Instance{
		Role: store.RoleEngine, Name: name, Machine: "host", Incarnation: "1", Provider: "DPAPI", Started: now,
	}); err != nil {
		w.t.Fatal(err)
	}
	return store.Claimant{Instance: name, Incarnation: "1", TTL: time.Minute}
}

func TestAConnectorIsCreatedReadReplacedListedAndDeleted(t *testing.T) {
	w := newWorld(t)
	var c api.Connector
	created := w.send("POST", "/api/connectors", input("Corporate directory")).is(t, http.StatusCreated, &c)
	if created.Header.Get("Location") != "/api/connectors/"+c.ID || created.Header.Get("ETag") != `"1"` || !c.Enabled || c.Version != 1 {
		t.Errorf("headers %v, body %s", created.Header, created.body)
	}
	if len(c.SecretRefs) != 1 || c.SecretRefs[0] != "secret://ad/svc/password" {
		t.Errorf("refs %v", c.SecretRefs)
	}
	path := "/api/connectors/" + c.ID
	changed := strings.Replace(input("Directory"), `"type"`, `"enabled":false,"instanceName":"north","type"`, 1)
	var replaced api.Connector
	if a := w.send("PUT", path, changed, "If-Match", `"1"`).is(t, http.StatusOK, &replaced); a.Header.Get("ETag") != `"2"` {
		t.Errorf("ETag %s", a.Header.Get("ETag"))
	}
	if replaced.Name != "Directory" || replaced.Enabled || replaced.InstanceName != "north" {
		t.Errorf("replaced: %+v", replaced)
	}
	var detail api.ConnectorDetail
	if a := w.send("GET", path, "").is(t, http.StatusOK, &detail); a.Header.Get("ETag") != `"2"` || detail.State.LastRun != nil || detail.State.Watermark != "" {
		t.Errorf("read: %v %s", a.Header, a.body)
	}
	var list struct {
		Items []api.Connector
		Total int
	}
	w.connector("Another")
	if w.send("GET", "/api/connectors?total=true", "").is(t, http.StatusOK, &list); list.Total != 2 || list.Items[0].Name != "Another" {
		t.Errorf("list: %+v", list)
	}
	w.send("DELETE", path, "").is(t, http.StatusNoContent, nil)
	w.send("GET", path, "").problem(t, http.StatusNotFound, "connector-not-found")
	w.send("DELETE", path, "").problem(t, http.StatusNotFound, "connector-not-found")
}

func TestAChangeNeverOverwritesAnotherOne(t *testing.T) {
	w := newWorld(t)
	path := "/api/connectors/" + w.connector("A").ID
	w.send("PUT", path, input("B")).problem(t, http.StatusPreconditionRequired, "precondition-required")
	w.send("PUT", path, input("B"), "If-Match", `"1"`).is(t, http.StatusOK, nil)
	for _, tag := range []string{`"1"`, `"9"`, `2`, `W/"2"`, `"1", "3"`} {
		w.send("PUT", path, input("C"), "If-Match", tag).problem(t, http.StatusPreconditionFailed, "changed-meanwhile")
	}
	w.send("PUT", path, input("C"), "If-Match", `"1", "2"`).is(t, http.StatusOK, nil)
	w.send("PUT", path, input("D"), "If-Match", `*`).is(t, http.StatusOK, nil)
}

func TestANameIsTakenInWhateverCase(t *testing.T) {
	w := newWorld(t)
	w.connector("Directory")
	other := w.connector("Other")
	w.send("POST", "/api/connectors", input("DIRECTORY")).problem(t, http.StatusConflict, "connector-name-taken")
	w.send("PUT", "/api/connectors/"+other.ID, input("directory"), "If-Match", `"1"`).problem(t, http.StatusConflict, "connector-name-taken")
}

func TestARunningConnectorIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	c := w.connector("Directory")
	if _, err := w.store.AcquireLease(t.Context(), c.ID, "engine", time.Minute); err != nil {
		t.Fatal(err)
	}
	w.send("DELETE", "/api/connectors/"+c.ID, "").problem(t, http.StatusConflict, "connector-running")
	var detail api.ConnectorDetail
	if w.send("GET", "/api/connectors/"+c.ID, "").is(t, http.StatusOK, &detail); detail.State.Lease == nil || detail.State.Lease.Holder != "engine" {
		t.Errorf("the lease is not shown: %+v", detail.State)
	}
}

func TestEveryProblemOfAConnectorIsReportedAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, body, paths string }{
		{"an empty object", `{}`, "name type config"},
		{"a wrong config, name, type of a key and an unknown key", `{"name":" ","type":"ldap","config":{"host":"h","urll":1},"extra":true,"enabled":"yes"}`, "enabled extra"},
		{"a config with two problems", `{"name":" ","type":"ldap","config":{"host":"h","urll":1}}`, "name config:baseDn config:urll"},
		{"an unknown type", `{"name":"x","type":"fax","config":{}}`, "type"},
		{"a config that is no object", `{"name":"x","type":"ldap","config":[]}`, "config"},
		{"names that are too long", fmt.Sprintf(`{"name":%q,"instanceName":%[1]q,"type":"ldap","config":%s}`, strings.Repeat("x", 201), ldapConfig), "name instanceName"},
		{"something that is no object", `[]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.send("POST", "/api/connectors", c.body).problem(t, http.StatusUnprocessableEntity, "invalid-input")
			for _, want := range strings.Fields(c.paths) {
				if !strings.Contains(" "+paths(p)+" ", " "+want+" ") {
					t.Errorf("nothing is said about %s, only about %s", want, paths(p))
				}
			}
			if len(p.Errors) == 0 {
				t.Error("no problem is listed")
			}
		})
	}
	w.send("PUT", "/api/connectors/"+w.connector("x").ID, strings.Replace(input("y"), `"ldap"`, `"sql"`, 1), "If-Match", "*").
		problem(t, http.StatusUnprocessableEntity, "invalid-input")
}

func TestABodyThatIsNotJSONIsRefusedWithoutRepeatingIt(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{"name":`, `hunter2`, `{"name":"a"} x`, "\xff"} {
		p := w.send("POST", "/api/connectors", body).problem(t, http.StatusBadRequest, "malformed-json")
		if strings.Contains(p.Detail, "hunter2") || strings.Contains(p.Detail, "'h'") {
			t.Errorf("the detail repeats the body: %s", p.Detail)
		}
	}
	w.send("POST", "/api/connectors", input("x"), "Content-Type", "text/plain").problem(t, http.StatusUnsupportedMediaType, "not-json")
	w.send("POST", "/api/connectors", strings.Repeat(" ", 2<<20)+"{}").problem(t, http.StatusRequestEntityTooLarge, "body-too-large")
}

func TestAProblemNeverRepeatsWhatWasSent(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{"name":"x","type":"ldap","config":{},"enabled":"c4nary"}`, `{"name":"x","type":"ldap","config":"c4nary"}`,
		`{"name":"x","type":"c4nary","config":{"bindDn":"c4nary"}}`, `{"name":5,"type":"ldap","config":{"passwordSecretRef":"c4nary"}}`} {
		w.send("POST", "/api/connectors", body).problem(t, http.StatusUnprocessableEntity, "invalid-input")
	}
	w.send("GET", "/api/runs?status=c4nary&limit=c4nary", "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
	if text := w.replies.String() + w.logs.String(); strings.Contains(text, "c4nary") {
		t.Errorf("repeated in %s", text)
	}
}

func TestImportedObjectsAreShownInPages(t *testing.T) {
	w := newWorld(t)
	c := w.connector("Directory")
	who := w.engine("north")
	w.send("POST", "/api/runs", `{"connectorId":"`+c.ID+`","kind":"full"}`).is(t, http.StatusAccepted, nil)
	claimed, ok, err := w.store.Claim(t.Context(), who)
	if err != nil || !ok {
		t.Fatalf("claim: %v %v", ok, err)
	}
	imp, err := w.store.BeginImport(t.Context(), store.ImportConfig{Lease: claimed.Lease, RunID: claimed.Run.ID, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	var page []identity.Object
	for n := range 5 {
		page = append(page, identity.Object{Anchor: fmt.Sprint(n), Type: "user", Attributes: []identity.Attribute{{Name: "mail", Values: []string{"a", "b"}}}})
	}
	if _, err := imp.Stage(t.Context(), store.Batch{Objects: page, Rejected: []connector.Rejection{{Entry: "cn=odd", Anchor: "odd", Reason: "no anchor"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := imp.Complete(t.Context(), "mark", true); err != nil {
		t.Fatal(err)
	}
	var seen []string
	next := ""
	for {
		var list struct {
			Items []api.ImportedObject
			Next  string
		}
		w.send("GET", "/api/connectors/"+c.ID+"/objects?present=true&limit=2&cursor="+next, "").is(t, http.StatusOK, &list)
		for _, o := range list.Items {
			seen = append(seen, o.Anchor)
			if len(o.Attributes["mail"]) != 2 || !o.Present || o.LastRunID != claimed.Run.ID {
				t.Errorf("object %+v", o)
			}
		}
		if next = list.Next; next == "" {
			break
		}
	}
	if strings.Join(seen, "") != "01234" {
		t.Errorf("seen %v", seen)
	}
	var detail api.ConnectorDetail
	w.send("GET", "/api/connectors/"+c.ID, "").is(t, http.StatusOK, &detail)
	if detail.State.Watermark != "mark" || !detail.State.WatermarkMoved.Equal(now) || detail.State.LastRun == nil || detail.State.LastRun.Counts.Added != 5 {
		t.Errorf("state %+v", detail.State)
	}
	var logs struct{ Items []api.Log }
	if w.send("GET", "/api/runs/"+claimed.Run.ID+"/logs", "").is(t, http.StatusOK, &logs); len(logs.Items) != 1 || logs.Items[0].Entry != "cn=odd" {
		t.Errorf("logs %+v", logs)
	}
	w.send("GET", "/api/connectors/none/objects", "").problem(t, http.StatusNotFound, "connector-not-found")
	w.send("GET", "/api/connectors/"+c.ID+"/objects?cursor=x", "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
}
