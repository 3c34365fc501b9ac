package api_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/api"
	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
)

// session signs a browser in with a token.
func (w *world) session(token string) (*http.Cookie, api.Session) {
	w.t.Helper()
	var s api.Session
	a := w.send("POST", "/api/session", `{"token":"`+token+`"}`, "Authorization", "").is(w.t, http.StatusOK, &s)
	cookies := a.Cookies()
	if len(cookies) != 1 {
		w.t.Fatalf("cookies %v", cookies)
	}
	return cookies[0], s
}

// byCookie is the header of a request that a page makes with that session.
func byCookie(c *http.Cookie) []string {
	return []string{"Authorization", "", "Cookie", c.Name + "=" + c.Value, "Sec-Fetch-Site", "same-origin"}
}

// role returns a token of a role, and of some of its permissions.
func (w *world) role(name string, role authz.Role, permissions ...string) string {
	w.t.Helper()
	_, text, err := w.tokens.Create(w.t.Context(), store.AdminToken{Name: name, Role: string(role), Permissions: permissions})
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func TestABrowserSignsInAndOut(t *testing.T) {
	w := newWorld(t)
	var ways api.SignIn
	w.send("GET", "/api/sign-in", "", "Authorization", "").is(t, http.StatusOK, &ways)
	if len(ways.Ways) != 1 || ways.Ways[0].Name != "token" {
		t.Errorf("ways %+v", ways)
	}
	cookie, begun := w.session(token)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %v", cookie)
	}
	var s api.Session
	w.send("GET", "/api/session", "", byCookie(cookie)...).is(t, http.StatusOK, &s)
	if s.ID != begun.ID || s.ID == "" || s.Kind != "token" || s.Name != "administrator" || s.Role != "Admin" || s.Way != "token" ||
		!slices.Contains(s.Permissions, "tokens.write") || !s.Expires.Equal(now.Add(12*time.Hour)) || !s.IdleExpires.Equal(now.Add(30*time.Minute)) {
		t.Errorf("session %+v", s)
	}
	var items struct{ Items []api.SessionItem }
	w.send("GET", "/api/sessions", "", byCookie(cookie)...).is(t, http.StatusOK, &items)
	if len(items.Items) != 1 || !items.Items[0].Current || items.Items[0].Address != "127.0.0.1" || !strings.HasPrefix(items.Items[0].UserAgent, "Go-http-client") {
		t.Errorf("sessions %+v", items)
	}
	out := w.send("DELETE", "/api/session", "", byCookie(cookie)...).is(t, http.StatusNoContent, nil)
	if c := out.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("cookies %v", c)
	}
	w.send("GET", "/api/session", "", byCookie(cookie)...).problem(t, http.StatusUnauthorized, "sign-in-required")
	w.send("DELETE", "/api/session", "").problem(t, http.StatusConflict, "no-session")
	w.send("GET", "/api/session", "").is(t, http.StatusOK, &s)
	if s.Name != "administrator" || s.Way != "token" {
		t.Errorf("a token's own %+v", s)
	}
}

func TestOneSeesAndEndsOnesOwnSessionsOnly(t *testing.T) {
	w := newWorld(t)
	viewer := w.role("viewer", authz.Viewer)
	mine, _ := w.session(viewer)
	other, _ := w.session(token)
	var items struct{ Items []api.SessionItem }
	w.send("GET", "/api/sessions", "", byCookie(mine)...).is(t, http.StatusOK, &items)
	if len(items.Items) != 1 || items.Items[0].Name != "viewer" {
		t.Errorf("sessions %+v", items)
	}
	for _, method := range []string{"GET", "DELETE"} {
		w.send(method, "/api/sessions?all=true", "", byCookie(mine)...).problem(t, http.StatusForbidden, "permission-missing")
	}
	var ended api.Ended
	w.send("DELETE", "/api/sessions", "", byCookie(mine)...).is(t, http.StatusOK, &ended)
	if ended.Ended != 1 {
		t.Errorf("%+v", ended)
	}
	w.send("GET", "/api/session", "", byCookie(mine)...).problem(t, http.StatusUnauthorized, "sign-in-required")
	w.send("GET", "/api/sessions?all=true", "", byCookie(other)...).is(t, http.StatusOK, &items)
	if len(items.Items) != 1 {
		t.Errorf("sessions %+v", items)
	}
	w.session(viewer)
	var page struct {
		Items []api.SessionItem
		Total int
		Next  string
	}
	w.send("GET", "/api/sessions?all=true&limit=1&sort=created", "", byCookie(other)...).is(t, http.StatusOK, &page)
	first := page.Items[0].ID
	w.send("GET", "/api/sessions?all=true&limit=1&sort=created&cursor="+page.Next, "", byCookie(other)...).is(t, http.StatusOK, &page)
	if page.Total != 2 || page.Items[0].ID == first {
		t.Errorf("second page %+v", page)
	}
	w.send("GET", "/api/sessions?all=true&q=VIEW", "", byCookie(other)...).is(t, http.StatusOK, &page)
	if page.Total != 1 || page.Items[0].Name != "viewer" {
		t.Errorf("found %+v", page)
	}
	w.send("DELETE", "/api/sessions?all=true", "", byCookie(other)...).is(t, http.StatusOK, &ended)
	w.send("GET", "/api/session", "", byCookie(other)...).problem(t, http.StatusUnauthorized, "sign-in-required")
}

func TestSignInsThatFailHaveToWait(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		p := w.send("POST", "/api/session", `{"token":"imat_c4nary"}`, "Authorization", "").problem(t, http.StatusUnauthorized, "sign-in-required")
		if strings.Contains(p.Detail, "c4nary") {
			t.Errorf("the answer repeats the token: %s", p.Detail)
		}
	}
	a := w.send("POST", "/api/session", `{"token":"`+token+`"}`, "Authorization", "")
	a.problem(t, http.StatusTooManyRequests, "too-many-failed-sign-ins")
	if a.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %s", a.Header.Get("Retry-After"))
	}
	w.send("GET", "/api/session", "").is(t, http.StatusOK, nil) // a token of its own needs no sign-in
	if logs := w.logs.String(); strings.Count(logs, "sign-in failed") != 5 || strings.Contains(logs, "c4nary") {
		t.Errorf("log %s", logs)
	}
}

func TestStrangersCannotSendMuch(t *testing.T) {
	w := newWorld(t)
	long := `{"token":"` + strings.Repeat("x", 20<<10) + `"}`
	w.send("POST", "/api/session", long, "Authorization", "").problem(t, http.StatusRequestEntityTooLarge, "body-too-large")
	// Who is signed in may: a value can be as long.
	w.send("PUT", "/api/secrets", `{"ref":"secret://a/b","value":"`+strings.Repeat("x", 20<<10)+`"}`).is(t, http.StatusOK, nil)
}

func TestTokensAreMadeAndDeletedAndNeverSeenAgain(t *testing.T) {
	w := newWorld(t)
	var made api.CreatedToken
	w.send("POST", "/api/tokens", `{"name":" nightly ","permissions":["runs.read","runs.start"]}`).is(t, http.StatusCreated, &made)
	if made.Name != "nightly" || made.Role != "Operator" || !made.Narrowed || !slices.Equal(made.Permissions, []string{"runs.read", "runs.start", "session"}) ||
		!made.Expires.Equal(now.Add(90*24*time.Hour)) || made.CreatedBy != "token administrator" || made.Hint != made.Secret[5:9] {
		t.Errorf("made %+v", made)
	}
	bearer := []string{"Authorization", "Bearer " + made.Secret}
	w.send("GET", "/api/runs", "", bearer...).is(t, http.StatusOK, nil)
	w.send("GET", "/api/secrets", "", bearer...).problem(t, http.StatusForbidden, "permission-missing")
	w.tokens.Close()
	var list struct {
		Items []api.Token
		Total int
		Next  string
	}
	a := w.send("GET", "/api/tokens", "").is(t, http.StatusOK, &list)
	if list.Total != 2 || !list.Items[0].Current || list.Items[1].Name != "nightly" || bytes.Contains(a.body, []byte(made.Secret[9:])) {
		t.Errorf("tokens %s", a.body)
	}
	w.send("GET", "/api/tokens?limit=1", "").is(t, http.StatusOK, &list)
	w.send("GET", "/api/tokens?limit=1&cursor="+list.Next, "").is(t, http.StatusOK, &list)
	if list.Items[0].Name != "nightly" || list.Items[0].LastUsed.IsZero() {
		t.Errorf("second page %+v", list)
	}
	cookie, _ := w.session(made.Secret)
	w.send("GET", "/api/session", "", byCookie(cookie)...).is(t, http.StatusOK, nil)
	w.send("DELETE", "/api/tokens/"+made.ID, "").is(t, http.StatusNoContent, nil)
	w.send("GET", "/api/runs", "", bearer...).problem(t, http.StatusUnauthorized, "sign-in-required")
	w.send("GET", "/api/session", "", byCookie(cookie)...).problem(t, http.StatusUnauthorized, "sign-in-required")
	w.send("DELETE", "/api/tokens/"+made.ID, "").problem(t, http.StatusNotFound, "token-not-found")
	if strings.Contains(w.logs.String(), made.Secret[9:]) {
		t.Error("the log has the token")
	}
	for _, r := range w.records() {
		if strings.Contains(r.Detail, made.Secret[9:]) {
			t.Errorf("the audit log has the token: %+v", r)
		}
	}
}

func TestATokenThatCannotBeMadeIsRefusedWithAllReasons(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, body, paths string }{
		{"without what it may do", `{"name":"x"}`, "role"},
		{"without a name", `{"role":"Viewer"}`, "name"},
		{"with the name of the first token", `{"name":"Administrator","role":"Viewer"}`, "name"},
		{"with permissions that nobody has", `{"name":"x","permissions":["runs.read","moon.land"]}`, "permissions"},
		{"with more permissions than its role", `{"name":"x","role":"Viewer","permissions":["runs.start"]}`, "permissions"},
		{"with a role and a permission that nobody has", `{"name":"x","role":"Boss","permissions":["moon.land"]}`, "role permissions"},
		{"with a name of two lines", `{"name":"x\ny","role":"Viewer"}`, "name"},
		{"that expired already", `{"name":"x","role":"Viewer","expires":"2026-03-01T12:00:00Z"}`, "expires"},
		{"that expires and does not", `{"name":"","role":"Viewer","never":true,"expires":"2027-01-01T00:00:00Z"}`, "name expires"},
	} {
		p := w.send("POST", "/api/tokens", c.body).problem(t, http.StatusUnprocessableEntity, "invalid-input")
		if got := paths(p); got != c.paths {
			t.Errorf("%s: %s: %+v", c.name, got, p.Errors)
		}
	}
	var made api.CreatedToken
	w.send("POST", "/api/tokens", `{"name":"x","role":"Viewer","never":true}`).is(t, http.StatusCreated, &made)
	if !made.Expires.IsZero() || made.Narrowed {
		t.Errorf("made %+v", made)
	}
	w.send("POST", "/api/tokens", `{"name":"X","role":"Viewer"}`).problem(t, http.StatusConflict, "token-name-taken")
}

func TestNobodyMakesATokenThatMayDoMoreThanHe(t *testing.T) {
	w := newWorld(t)
	clerk := []string{"Authorization", "Bearer " + w.role("clerk", authz.Admin, "tokens.write", "runs.read")}
	w.send("POST", "/api/tokens", `{"name":"x","role":"Admin"}`, clerk...).problem(t, http.StatusForbidden, "token-too-strong")
	w.send("POST", "/api/tokens", `{"name":"x","role":"Viewer"}`, clerk...).problem(t, http.StatusForbidden, "token-too-strong")
	w.send("POST", "/api/tokens", `{"name":"x","permissions":["runs.read"]}`, clerk...).is(t, http.StatusCreated, nil)
}

func TestEveryRoleAndPermissionIsExplained(t *testing.T) {
	w := newWorld(t)
	var roles api.Roles
	w.send("GET", "/api/roles", "").is(t, http.StatusOK, &roles)
	if len(roles.Items) != 3 || roles.Items[0].Name != "Viewer" || len(roles.Items[2].Permissions) != len(roles.Permissions) {
		t.Errorf("roles %+v", roles)
	}
	for _, p := range roles.Permissions {
		if p.Meaning == "" {
			t.Errorf("%s is not explained", p.Name)
		}
	}
	for _, r := range roles.Items {
		if r.Meaning == "" || !slices.Contains(r.Permissions, "session") {
			t.Errorf("%+v", r)
		}
	}
	if authn.WayToken != "token" {
		t.Error("the way's name is part of the API")
	}
}

func TestBehindATrustedProxyTheClientsAddressCounts(t *testing.T) {
	w := newWorld(t)
	from := func(address, token string) answer {
		return w.send("POST", "/api/session", `{"token":"`+token+`"}`, "Authorization", "", "X-Forwarded-For", "203.0.113.9, "+address)
	}
	for range 5 {
		from("198.51.100.1", "imat_wrong").problem(t, http.StatusUnauthorized, "sign-in-required")
	}
	from("198.51.100.1", token).problem(t, http.StatusTooManyRequests, "too-many-failed-sign-ins")
	from("198.51.100.2", token).is(t, http.StatusOK, nil)

	w.send("POST", "/api/tokens", `{"name":"far","role":"Viewer"}`, "X-Forwarded-For", "2001:db8::7").is(t, http.StatusCreated, nil)
	records, err := w.audit.Search(t.Context(), audit.Filter{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, r := range records {
		seen[r.Action] = r.Address
	}
	if seen["session.start"] != "198.51.100.2" || seen["tokens.create"] != "2001:db8::7" {
		t.Errorf("the audit log has the addresses %v", seen)
	}
	list, err := w.sessions.List(t.Context(), store.SessionsOf{})
	if err != nil || len(list) != 1 || list[0].Address != "198.51.100.2" {
		t.Errorf("sessions %+v, %v", list, err)
	}
}

func TestNoTokenOutlivesTheOneThatMadeIt(t *testing.T) {
	w := newWorld(t)
	tomorrow := now.Add(24 * time.Hour)
	_, temporary, err := w.tokens.Create(t.Context(), store.AdminToken{Name: "temporary", Role: string(authz.Admin), Expires: tomorrow})
	if err != nil {
		t.Fatal(err)
	}
	cookie, _ := w.session(temporary)
	for i, header := range [][]string{{"Authorization", "Bearer " + temporary}, byCookie(cookie)} {
		for path, body := range map[string]string{
			"expires":      `{"name":"x","role":"Viewer","expires":"` + tomorrow.Add(time.Second).Format(time.RFC3339) + `"}`,
			"expires ":     `{"name":"x","role":"Viewer","never":true}`,
			"name expires": `{"role":"Viewer","expires":"2199-01-01T00:00:00Z"}`,
		} {
			p := w.send("POST", "/api/tokens", body, header...).problem(t, http.StatusUnprocessableEntity, "invalid-input")
			if got := paths(p); got != strings.TrimSpace(path) || !strings.Contains(p.Errors[len(p.Errors)-1].Message, tomorrow.Format(time.RFC3339)) {
				t.Errorf("%s: %+v", body, p.Errors)
			}
		}
		name := []string{"by token", "by session"}[i]
		var made api.CreatedToken
		w.send("POST", "/api/tokens", `{"name":"`+name+`","role":"Viewer"}`, header...).is(t, http.StatusCreated, &made)
		if !made.Expires.Equal(tomorrow) {
			t.Errorf("%s, without a time, one until %s is made", name, made.Expires)
		}
		body := `{"name":"` + name + ` 2","role":"Viewer","expires":"` + tomorrow.Format(time.RFC3339) + `"}`
		w.send("POST", "/api/tokens", body, header...).is(t, http.StatusCreated, &made)
	}
}
