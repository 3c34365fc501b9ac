package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
)

// everybody needs no role.
const everybody authz.Role = "everybody"

// weakest says for each operation which role is the weakest that may call it. It is
// written by hand, so that a permission on the wrong operation is noticed: whoever
// adds an operation decides here, too, who may call it.
func weakest() map[string]authz.Role {
	return map[string]authz.Role{
		"get-sign-in": everybody, "start-session": everybody,

		"get-session": authz.Viewer, "end-session": authz.Viewer, "list-sessions": authz.Viewer, "end-sessions": authz.Viewer, "list-roles": authz.Viewer,
		"list-connector-types": authz.Viewer, "list-connectors": authz.Viewer, "get-connector": authz.Viewer,
		"list-schedules": authz.Viewer, "list-all-schedules": authz.Viewer, "get-schedule": authz.Viewer, "preview-schedule": authz.Viewer,
		"list-objects": authz.Viewer, "list-connector-objects": authz.Viewer, "get-object": authz.Viewer, "get-object-history": authz.Viewer,
		"list-runs": authz.Viewer, "get-run": authz.Viewer, "list-run-logs": authz.Viewer, "get-run-statistics": authz.Viewer, "list-run-durations": authz.Viewer,
		"follow-run": authz.Viewer, "follow-runs": authz.Viewer,
		"list-secrets": authz.Viewer, "describe-secret": authz.Viewer, "list-secret-versions": authz.Viewer,
		"get-status": authz.Viewer, "check-provider": authz.Viewer, "get-about": authz.Viewer, "get-metrics": authz.Viewer, "list-attention": authz.Viewer, "list-instances": authz.Viewer,
		"list-plugins": authz.Viewer, "list-migrations": authz.Viewer, "get-migration": authz.Viewer,
		"list-audit": authz.Viewer, "verify-audit": authz.Viewer, "export-audit": authz.Viewer,

		"test-connector": authz.Operator, "create-schedule": authz.Operator, "update-schedule": authz.Operator, "delete-schedule": authz.Operator,
		"start-run": authz.Operator, "cancel-run": authz.Operator, "set-secret": authz.Operator,
		"reload-provider": authz.Operator, "reload-instance": authz.Operator, "get-settings": authz.Operator, "get-plugin": authz.Operator,

		"create-connector": authz.Admin, "update-connector": authz.Admin, "delete-connector": authz.Admin,
		"delete-secret": authz.Admin, "recover-secret": authz.Admin, "purge-secret": authz.Admin,
		"forget-instance": authz.Admin, "validate-plugin-config": authz.Admin,
		"list-tokens": authz.Admin, "create-token": authz.Admin, "delete-token": authz.Admin,
	}
}

func TestEachOperationNeedsTheRoleThatWasDecided(t *testing.T) {
	d, _ := newWorld(t).document()
	rest := weakest()
	for path, methods := range d.Paths {
		for method, op := range methods {
			delete(rest, op.OperationID)
			role := everybody
			for _, r := range authz.Roles() {
				if slices.Contains(authz.Permissions(r), authz.Permission(op.Permission)) {
					role = r
					break
				}
			}
			if decided, ok := weakest()[op.OperationID]; !ok {
				t.Errorf("%s (%s %s) can be called by %s; decide in weakest() whether it is so", op.OperationID, method, path, role)
			} else if decided != role {
				t.Errorf("%s (%s %s) can be called by %s, and it was decided that %s is the weakest", op.OperationID, method, path, role, decided)
			}
		}
	}
	for id := range rest {
		t.Errorf("there is no operation %s any more", id)
	}
}

// caller makes requests in one way.
type caller struct {
	name string
	// may is what the caller may do; nil for one who is not signed in.
	may    []authz.Permission
	header []string
}

// callers are all kinds: without a credential, with a useless one, each role by a
// token and by a session, and tokens that have one permission, or all but one.
func (w *world) callers(operation string, needs authz.Permission) []caller {
	w.t.Helper()
	expired, text, err := w.tokens.Create(w.t.Context(), store.AdminToken{Name: "expired for " + operation, Role: string(authz.Admin), Expires: now})
	if err != nil || expired.ID == "" {
		w.t.Fatal(err)
	}
	all := []caller{
		{"nobody", nil, []string{"Authorization", ""}},
		{"an expired token", nil, bearerOf(text)},
		{"a token that never was", nil, bearerOf("imat_none")},
		{"a session that never was", nil, byCookie(&http.Cookie{Name: "im-session", Value: "none"})},
	}
	for _, r := range authz.Roles() {
		token := w.role(string(r)+" for "+operation, r)
		cookie, _ := w.session(token)
		other := byCookie(cookie)
		other[len(other)-1] = "cross-site"
		all = append(all,
			caller{"the role " + string(r) + " by a session", authz.Permissions(r), byCookie(cookie)},
			caller{"the role " + string(r) + " by a session from another site", []authz.Permission{}, other},
			caller{"the role " + string(r), authz.Permissions(r), bearerOf(token)}) // last, because it may end the session
	}
	if needs == "" || needs == authz.SignedIn { // which every token has
		return all
	}
	var others []string
	for _, p := range authz.Permissions(authz.Admin) {
		if p != needs {
			others = append(others, string(p))
		}
	}
	only := w.role("only for "+operation, authz.Admin, string(needs))
	return append(all,
		caller{"a token with nothing else", []authz.Permission{needs}, bearerOf(only)},
		caller{"a token with everything else", []authz.Permission{}, bearerOf(w.role("all but for "+operation, authz.Admin, others...))})
}

func bearerOf(token string) []string { return []string{"Authorization", "Bearer " + token} }

// call makes a request and returns how it was answered: the status, and the type of
// a problem. Of a stream only the beginning is read.
func (w *world) call(method, path, body string, header []string) (status int, code string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("If-Match", "*")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.Header.Get("Content-Type") != problem.MediaType {
		return response.StatusCode, ""
	}
	var p problem.Problem
	if err := json.NewDecoder(response.Body).Decode(&p); err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimPrefix(p.Type, problem.Prefix)
}

// everything is all that the database and the vault have.
func (w *world) everything() string {
	w.t.Helper()
	db := w.store.DB().Read
	tables, err := db.QueryContext(w.t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'IM_%' ORDER BY name")
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			w.t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := tables.Close(); err != nil || len(names) < 12 {
		w.t.Fatal(err, names)
	}
	var all strings.Builder
	for _, name := range names {
		rows, err := db.QueryContext(w.t.Context(), "SELECT * FROM "+name)
		if err != nil {
			w.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			w.t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				w.t.Fatal(err)
			}
			_, _ = fmt.Fprintln(&all, name, values)
		}
		if err := rows.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	w.vault.mu.Lock()
	defer w.vault.mu.Unlock()
	for _, ref := range slices.Sorted(maps.Keys(w.vault.rows)) {
		_, _ = fmt.Fprintln(&all, ref, string(w.vault.rows[ref].Value.Reveal()))
	}
	return all.String()
}

// TestTheMatrix walks every operation with every kind of caller. What is refused is
// a request that would succeed, and nothing anywhere is other than before.
func TestTheMatrix(t *testing.T) {
	w := newWorld(t)
	samples := w.samples()
	w.reload = func(context.Context, string) error { t.Error("the provider was reloaded"); return nil }
	d, _ := w.document()
	refused, let := 0, 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			if slices.Contains(forEverybody(), op.OperationID) {
				continue
			}
			needs := authz.Permission(op.Permission)
			s, known := samples[op.OperationID]
			if !known {
				s = sample{method: strings.ToUpper(method), path: strings.NewReplacer("{", "no-", "}", "").Replace(path), body: ""}
			}
			callers := w.callers(op.OperationID, needs)
			for _, c := range callers { // so that their first use is noted
				w.call("GET", "/api/roles", "", c.header)
			}
			w.tokens.Close()
			before := w.everything()
			for _, c := range callers {
				if c.may != nil && slices.Contains(c.may, needs) {
					continue
				}
				refused++
				want, code := http.StatusUnauthorized, "sign-in-required"
				switch {
				case strings.HasSuffix(c.name, "another site"):
					want, code = http.StatusForbidden, "cross-origin"
				case c.may != nil:
					want, code = http.StatusForbidden, "permission-missing"
				}
				if got, was := w.call(s.method, s.path, s.body, c.header); got != want || was != code {
					t.Errorf("%s by %s: %d %s instead of %d %s", op.OperationID, c.name, got, was, want, code)
				}
			}
			if after := w.everything(); after != before {
				t.Fatalf("%s was refused and changed\n%s\nto\n%s", op.OperationID, before, after)
			}
			// Those who may are let through to a request that finds nothing or is invalid,
			// so that each of them is.
			for _, c := range callers {
				if c.may == nil || !slices.Contains(c.may, needs) {
					continue
				}
				let++
				w.reload = func(context.Context, string) error { return nil }
				got, was := w.call(strings.ToUpper(method), strings.NewReplacer("{", "no-", "}", "").Replace(path), "{", c.header)
				if got == http.StatusUnauthorized || got == http.StatusForbidden || got >= 500 {
					t.Errorf("%s by %s: %d %s", op.OperationID, c.name, got, was)
				}
				w.reload = func(context.Context, string) error { t.Error("the provider was reloaded"); return nil }
			}
		}
	}
	t.Logf("%d refused, %d let through", refused, let)
	if refused < 300 || let < 200 {
		t.Errorf("%d requests were refused and %d let through", refused, let)
	}
}
