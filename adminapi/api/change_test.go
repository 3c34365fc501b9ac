package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/connector/builtin"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// records returns what the audit log has.
func (w *world) records() (all []audit.Record) {
	w.t.Helper()
	if err := w.audit.Records(w.t.Context(), 0, func(r audit.Record) error { all = append(all, r); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// breakAudit makes the audit log impossible to write, until mended.
func (w *world) breakAudit() (mend func()) {
	w.t.Helper()
	do := func(text string) {
		if _, err := w.store.DB().Write.ExecContext(w.t.Context(), text); err != nil {
			w.t.Fatal(err)
		}
	}
	do("ALTER TABLE IM_AdminAudit RENAME TO away")
	return func() { do("ALTER TABLE away RENAME TO IM_AdminAudit") }
}

// sample is a request that makes a change.
type sample struct {
	method, path, body string
	status             int
	action, target     string // CREATED at its end stands for an id
	header             []string
}

// samples returns a request for every operation that changes something, in an
// order in which all can succeed.
func (w *world) samples() map[string]sample {
	w.engine("north")
	w.registered(gone, "DPAPI", "Ready", store.PluginDocument{})
	w.silent(gone)
	w.shelve()
	c := w.connector("A")
	doomed := w.connector("B")
	var x, past api.Schedule
	var run api.Run
	schedules := "/api/connectors/" + c.ID + "/schedules"
	w.send("POST", schedules, `{"kind":"delta","intervalSeconds":900}`).is(w.t, http.StatusCreated, &x)
	w.send("POST", schedules, `{"kind":"delta","intervalSeconds":901}`).is(w.t, http.StatusCreated, &past)
	w.send("POST", "/api/runs", `{"connectorId":"`+c.ID+`","kind":"delta"}`).is(w.t, http.StatusAccepted, &run)
	w.send("PUT", "/api/secrets", `{"ref":"secret://old","value":"x"}`).is(w.t, http.StatusOK, nil)
	for _, ref := range []string{"secret://lost", "secret://done"} {
		w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"x"}`).is(w.t, http.StatusOK, nil)
		w.send("DELETE", "/api/secrets?ref="+url.QueryEscape(ref), "").is(w.t, http.StatusNoContent, nil)
	}
	var old api.Token
	w.send("POST", "/api/tokens", `{"name":"old","role":"Viewer"}`).is(w.t, http.StatusCreated, &old)
	cookie, session := w.session(token)
	return map[string]sample{
		"create-connector":       {"POST", "/api/connectors", input("C"), 201, "connectors.create", "connectors/CREATED", nil},
		"update-connector":       {"PUT", "/api/connectors/" + c.ID, input("A2"), 200, "connectors.update", "connectors/" + c.ID, nil},
		"delete-connector":       {"DELETE", "/api/connectors/" + doomed.ID, "", 204, "connectors.delete", "connectors/" + doomed.ID, nil},
		"test-connector":         {"POST", "/api/connectors/" + c.ID + "/test", "", 202, "connectors.test", "connectors/" + c.ID, nil},
		"create-schedule":        {"POST", schedules, `{"kind":"full","cron":"@daily"}`, 201, "schedules.create", "connectors/" + c.ID + "/schedules/CREATED", nil},
		"update-schedule":        {"PUT", schedules + "/" + x.ID, `{"kind":"full","cron":"@hourly"}`, 200, "schedules.update", "connectors/" + c.ID + "/schedules/" + x.ID, nil},
		"delete-schedule":        {"DELETE", schedules + "/" + past.ID, "", 204, "schedules.delete", "connectors/" + c.ID + "/schedules/" + past.ID, nil},
		"start-run":              {"POST", "/api/runs", `{"connectorId":"` + c.ID + `","kind":"full"}`, 202, "runs.start", "connectors/" + c.ID, nil},
		"cancel-run":             {"POST", "/api/runs/" + run.ID + "/cancel", "", 200, "runs.cancel", "runs/" + run.ID, nil},
		"set-secret":             {"PUT", "/api/secrets", `{"ref":"` + ref + `","value":"c4nary"}`, 200, "secrets.set", ref, nil},
		"delete-secret":          {"DELETE", "/api/secrets?ref=" + url.QueryEscape("secret://old"), "", 204, "secrets.delete", "secret://old", nil},
		"recover-secret":         {"POST", "/api/secrets/recover", `{"ref":"secret://lost"}`, 200, "secrets.recover", "secret://lost", nil},
		"purge-secret":           {"POST", "/api/secrets/purge", `{"ref":"secret://done"}`, 204, "secrets.purge", "secret://done", nil},
		"reload-provider":        {"POST", "/api/provider/reload", "", 200, "provider.reload", "provider", nil},
		"forget-instance":        {"DELETE", "/api/instances/engine/Gone", "", 204, "instances.forget", "instances/engine/Gone", nil},
		"reload-instance":        {"POST", "/api/instances/engine/north/reload", "", 202, "instances.reload", "instances/engine/north", nil},
		"validate-plugin-config": {"POST", "/api/plugins/acme/validate", `{"config":{}}`, 200, "plugins.validate", "plugins/acme", nil},
		"create-token":           {"POST", "/api/tokens", `{"name":"new","role":"Viewer"}`, 201, "tokens.create", "tokens/CREATED", nil},
		"delete-token":           {"DELETE", "/api/tokens/" + old.ID, "", 204, "tokens.delete", "tokens/" + old.ID, nil},
		"start-session":          {"POST", "/api/session", `{"token":"` + token + `"}`, 200, "session.start", "sessions/CREATED", []string{"Authorization", ""}},
		"end-session":            {"DELETE", "/api/session", "", 204, "session.end", "sessions/" + session.ID, byCookie(cookie)},
		"end-sessions":           {"DELETE", "/api/sessions", "", 200, "session.end-all", "sessions", nil},
	}
}

// changing returns the operations of the document that are no reading ones.
func (w *world) changing() (ids []string) {
	d, _ := w.document()
	for _, methods := range d.Paths {
		for method, op := range methods {
			if method != "get" {
				ids = append(ids, op.OperationID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

func (w *world) do(s sample) answer {
	return w.send(s.method, s.path, s.body, append([]string{"If-Match", "*"}, s.header...)...)
}

func TestEveryChangeIsRecordedBeforeAndAfter(t *testing.T) {
	w := newWorld(t)
	samples := w.samples()
	actions := map[string]bool{}
	for _, id := range w.changing() {
		s, ok := samples[id]
		if !ok {
			t.Errorf("%s changes something; give it a sample, so that its record is looked at", id)
			continue
		}
		before := len(w.records())
		answer := w.do(s).is(t, s.status, nil)
		records := w.records()[before:]
		if len(records) != 2 {
			t.Errorf("%s left %d records", id, len(records))
			continue
		}
		target := s.target
		if strings.HasSuffix(target, "CREATED") {
			var made struct{ ID string }
			answer.is(t, s.status, &made)
			target = strings.Replace(target, "CREATED", made.ID, 1)
		}
		intent, outcome := records[0], records[1]
		if intent.Phase != audit.Intent || outcome.Phase != audit.Outcome || outcome.Intent != intent.Seq || outcome.Outcome != "OK" ||
			outcome.Target != target || !strings.HasPrefix(target, intent.Target) || intent.Target == "" {
			t.Errorf("%s: %+v", id, records)
		}
		for _, r := range records {
			if r.Actor != "token administrator" || r.Address != "127.0.0.1" || r.Action != s.action || !strings.HasPrefix(r.Correlation, "request-") ||
				r.Correlation != answer.Header.Get("X-Request-Id") {
				t.Errorf("%s: %+v", id, r)
			}
		}
		actions[s.action] = true
	}
	if len(actions) != len(samples) || len(samples) < 12 {
		t.Errorf("%d actions of %d samples", len(actions), len(samples))
	}
	if report, err := w.audit.Verify(t.Context()); err != nil || report.Open != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestNothingIsChangedThatCannotBeRecorded(t *testing.T) {
	w := newWorld(t)
	w.reload = func(context.Context, string) error { t.Error("the provider was reloaded"); return nil }
	samples := w.samples()
	state := func() string {
		var all []byte
		for _, path := range []string{"/api/connectors", "/api/runs", "/api/secrets", "/api/status", "/api/tokens", "/api/sessions?all=true",
			samples["create-schedule"].path} {
			all = append(all, w.send("GET", path, "").is(t, http.StatusOK, nil).body...)
		}
		return string(all)
	}
	w.tokens.Close() // its use is noted
	before, records := state(), len(w.records())
	mend := w.breakAudit()
	for _, id := range w.changing() {
		p := w.do(samples[id]).problem(t, http.StatusServiceUnavailable, "audit-unavailable")
		if !strings.Contains(p.Detail, "Nothing was changed") {
			t.Errorf("%s: %s", id, p.Detail)
		}
		if after := state(); after != before {
			t.Fatalf("%s changed\n%s\nto\n%s", id, before, after)
		}
	}
	if !strings.Contains(w.logs.String(), "the audit log cannot be written") {
		t.Error("the log does not say why")
	}
	mend()
	if got := len(w.records()); got != records {
		t.Errorf("%d records instead of %d", got, records)
	}
	w.do(samples["start-run"]).is(t, http.StatusAccepted, nil)
}

func TestRecordsHaveTheDocumentsBeforeAndAfter(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	w.send("PUT", "/api/connectors/"+c.ID, input("B"), "If-Match", `"1"`).is(t, http.StatusOK, nil)
	w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"x","tags":{"team":"c4nary"}}`).is(t, http.StatusOK, nil)
	w.send("PUT", "/api/secrets", `{"ref":"`+ref+`","value":"y"}`).is(t, http.StatusOK, nil)
	records := w.records()
	type documents struct {
		Before, Wanted, After *struct {
			Name, Version any
			Tags          []string
			Config        map[string]any
		}
	}
	var got []documents
	for _, r := range records {
		var d documents
		if err := json.Unmarshal([]byte(r.Detail), &d); err != nil {
			t.Fatalf("%q: %v", r.Detail, err)
		}
		got = append(got, d)
	}
	if len(got) != 8 || got[0].Before != nil || got[0].Wanted.Name != "A" || got[1].After.Name != "A" ||
		got[2].Before.Name != "A" || got[2].Wanted.Name != "B" || got[3].After.Name != "B" || got[3].After.Config["host"] != "ldap.example.test" {
		t.Errorf("connector: %+v", records)
	}
	if got[4].Before != nil || fmt.Sprint(got[4].Wanted.Tags, got[5].After.Tags) != "[team] [team]" || got[5].After.Version != "1" ||
		got[6].Before.Version != "1" || got[7].After.Version != "2" {
		t.Errorf("secret: %+v", records)
	}
}

func TestARecordSaysWhyAChangeFailed(t *testing.T) {
	w := newWorld(t)
	c := w.connector("A")
	for _, s := range []struct {
		name, method, path, body string
		fails                    *fault.Error
		outcome, problem         string
	}{
		{"a name that is taken", "POST", "/api/connectors", input("a"), nil, "ALREADY_EXISTS", "connector-name-taken"},
		{"a secret that exists", "PUT", "/api/secrets", `{"ref":"` + ref + `","value":"x","expectedVersion":"7"}`, nil, "VERSION_CONFLICT", "secret-version-conflict"},
		{"a store that refuses", "PUT", "/api/secrets", `{"ref":"` + ref + `","value":"x"}`, fault.New(fault.AccessDenied, fault.SourceBackend, "not you c4nary"), "ACCESS_DENIED", "secret-access-denied"},
		{"a store that refuses to delete", "DELETE", "/api/secrets?ref=secret://a", "", fault.New(fault.Unavailable, fault.SourceBackend, "c4nary"), "UNAVAILABLE", "secret-unavailable"},
	} {
		t.Run(s.name, func(t *testing.T) {
			w.vault.fail(s.fails)
			before := len(w.records())
			w.send(s.method, s.path, s.body)
			records := w.records()[before:]
			if len(records) != 2 || records[1].Outcome != s.outcome || !strings.Contains(records[1].Detail, `"problem":"`+s.problem+`"`) {
				t.Errorf("%+v", records)
			}
			if strings.Contains(fmt.Sprint(records), "c4nary") {
				t.Error("the words of another system are in the record")
			}
			w.vault.fail(nil)
		})
	}
	if err := w.store.DeleteConnector(t.Context(), c.ID, 0); err != nil {
		t.Fatal(err)
	}
	before := len(w.records())
	for _, path := range []string{"/api/connectors/" + c.ID, "/api/secrets?ref=c4nary", "/api/secrets?ref=secret://none"} {
		w.send("DELETE", path, "").is(t, http.StatusNotFound, nil)
	}
	if got := w.records()[before:]; len(got) != 0 {
		t.Errorf("what was not tried is recorded: %+v", got)
	}
}

func TestAReloadThatFailedIsRecordedAsSuch(t *testing.T) {
	w := newWorld(t)
	w.reload = func(context.Context, string) error {
		return fault.New(fault.ConfigInvalid, fault.SourceConfig, "c4nary")
	}
	w.send("POST", "/api/provider/reload", "").is(t, http.StatusOK, nil)
	if r := w.records()[1]; r.Outcome != "CONFIG_INVALID" || strings.Contains(r.Detail, "c4nary") {
		t.Errorf("%+v", r)
	}
}

func TestNoValueEverGetsIntoTheAuditLog(t *testing.T) {
	w := newWorld(t)
	const canary = "c4nary-value-\"\U0001F511"
	quoted, _ := json.Marshal(canary)
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	body := func(refText, members string) string { return `{"ref":"` + refText + `",` + members + `}` }
	w.send("PUT", "/api/secrets", body(ref, `"value":`+string(quoted))).is(t, http.StatusOK, nil)
	w.send("PUT", "/api/secrets", body(ref, `"valueBase64":"`+encoded+`","tags":{"t":"c4nary-value"}`)).is(t, http.StatusOK, nil)
	w.send("PUT", "/api/secrets", body("c4nary-value", `"value":`+string(quoted))).is(t, http.StatusUnprocessableEntity, nil)
	w.send("DELETE", "/api/secrets?ref=c4nary-value", "").is(t, http.StatusNotFound, nil)
	w.send("POST", "/api/runs", `{"connectorId":"c4nary-value","kind":"full"}`).is(t, http.StatusNotFound, nil)
	sql := strings.NewReplacer(`"type":"ldap"`, `"type":"sql"`, ldapConfig, `{"driver":"postgres","connectionString":"postgres://u:c4nary-value@h/d"}`).Replace(input("S"))
	w.send("POST", "/api/connectors", sql).is(t, http.StatusUnprocessableEntity, nil)
	w.vault.fail(fault.New(fault.AccessDenied, fault.SourceBackend, canary))
	w.send("PUT", "/api/secrets", body(ref, `"value":`+string(quoted))).is(t, http.StatusBadGateway, nil)
	w.vault.fail(nil)
	w.send("DELETE", "/api/secrets?ref="+url.QueryEscape(ref), "").is(t, http.StatusNoContent, nil)

	rows, err := w.store.DB().Read.QueryContext(t.Context(), "SELECT * FROM IM_AdminAudit")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	n := 0
	for rows.Next() {
		n++
		row := make([]any, len(names))
		for i := range row {
			row[i] = new(string)
		}
		if err := rows.Scan(row...); err != nil {
			t.Fatal(err)
		}
		for i, v := range row {
			for _, form := range []string{"c4nary", canary, encoded, encoded[:16]} {
				if text := *v.(*string); strings.Contains(text, form) {
					t.Errorf("%s of row %d has the value: %s", names[i], n, text)
				}
			}
		}
	}
	if err := rows.Err(); err != nil || n != 8 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// The audit log keeps configurations as they are, which is right as long as no
// type of connector takes a value of a secret.
func TestNoConnectorTakesAValueInItsConfiguration(t *testing.T) {
	for name, kind := range builtin.Kinds() {
		schema := kind.Schema()
		if strings.Contains(string(schema.JSONSchema()), `"writeOnly"`) {
			t.Errorf("%s has a key of type %s: keep it out of the audit log", name, configschema.Sensitive)
		}
	}
}

func TestADocumentThatIsTooLongIsKeptAsItsHash(t *testing.T) {
	w := newWorld(t)
	long := strings.Replace(input("L"), "dc=example,dc=test", "dc="+strings.Repeat("x", audit.MaxText)+",dc=test", 1)
	w.send("POST", "/api/connectors", long).is(t, http.StatusCreated, nil)
	for _, r := range w.records() {
		if !json.Valid([]byte(r.Detail)) || len(r.Detail) > 300 || !strings.Contains(r.Detail, `"sha256"`) {
			t.Errorf("detail of %d bytes: %.300s", len(r.Detail), r.Detail)
		}
	}
}

func TestAChangeWhoseOutcomeCannotBeRecordedIsStillAnswered(t *testing.T) {
	w := newWorld(t)
	var mend func()
	w.reload = func(context.Context, string) error { mend = w.breakAudit(); return nil }
	w.send("POST", "/api/provider/reload", "").is(t, http.StatusOK, nil)
	mend()
	if report, err := w.audit.Verify(t.Context()); err != nil || report.Records != 1 || report.Open != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if !strings.Contains(w.logs.String(), "the outcome of a change is not in the audit log") {
		t.Error("the log does not say it")
	}
}
