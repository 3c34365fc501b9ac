package fakevault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// serveVault answers one request to a vault: challenge first, as the service.
func (s *Server) serveVault(host string, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-request-id", uuid())
	token, has := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	caller, complaint := "", "AKV10000: Request is missing a Bearer or PoP token."
	if has {
		caller, complaint = s.accepts(token)
	}
	if complaint != "" {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization="https://login.windows.net/%s", resource="%s"`, s.Tenant, vaultResource))
		refuse(w, &refusal{status: http.StatusUnauthorized, code: "Unauthorized", message: complaint})
		return
	}
	if r.URL.Query().Get("api-version") == "" {
		refuse(w, badParameter("api-version must be specified"))
		return
	}
	op, ok := s.operation(host, r)
	if !ok {
		refuse(w, &refusal{status: http.StatusNotFound, code: "NotFound", message: "No such resource."})
		return
	}
	body, refused := s.perform(host, caller, op)
	switch {
	case refused != nil:
		refuse(w, refused)
	case body == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusOK, body)
	}
}

func refuse(w http.ResponseWriter, r *refusal) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if r.retryAfter != "" {
		w.Header().Set("Retry-After", r.retryAfter)
	}
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(Refusal(r.code, r.inner, r.message)))
}

// operation is what a request asks for: the right it takes, whether it counts as
// creating, and how it is done, with the lock held.
type operation struct {
	right  Right
	create bool
	do     func() (any, *refusal)
}

func (s *Server) perform(host, caller string, op operation) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.throttled(host, op.create); r != nil {
		return nil, r
	}
	if r := s.forbidden(host, caller, op.right); r != nil {
		return nil, r
	}
	return op.do()
}

// operation reads a request as the REST interface of secrets has it. The rights
// are those that its pages name. The service takes a trailing slash.
func (s *Server) operation(host string, r *http.Request) (operation, bool) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) > 3 {
		return operation{}, false
	}
	parts = append(parts, "", "")
	name, rest := parts[1], parts[2]
	switch route := r.Method + " " + parts[0]; {
	case route == "GET secrets" && name == "":
		return operation{right: List, do: func() (any, *refusal) { return s.listSecrets(host, r) }}, true
	case route == "GET secrets" && rest == "versions":
		return operation{right: List, do: func() (any, *refusal) { return s.listVersions(host, name, r) }}, true
	case route == "GET secrets":
		return operation{right: Get, do: func() (any, *refusal) { return s.get(host, name, rest) }}, true
	case route == "PUT secrets" && name != "" && rest == "":
		return operation{right: Set, create: true, do: func() (any, *refusal) { return s.set(host, name, r) }}, true
	case route == "PATCH secrets" && name != "":
		return operation{right: Set, do: func() (any, *refusal) { return s.update(host, name, rest, r) }}, true
	case route == "DELETE secrets" && name != "" && rest == "":
		return operation{right: Delete, do: func() (any, *refusal) {
			e, refused := s.remove(host, name)
			return s.deletedBundle(host, name, e), refused
		}}, true
	case route == "GET deletedsecrets" && name == "":
		return operation{right: List, do: func() (any, *refusal) { return s.listDeleted(host, r) }}, true
	case route == "GET deletedsecrets" && rest == "":
		return operation{right: Get, do: func() (any, *refusal) {
			e, refused := s.findDeleted(host, name)
			return s.deletedBundle(host, name, e), refused
		}}, true
	case route == "POST deletedsecrets" && rest == "recover":
		return operation{right: Recover, do: func() (any, *refusal) {
			e, refused := s.recover(host, name)
			if refused != nil {
				return nil, refused
			}
			return s.bundle(host, name, e.current(), true, false), nil
		}}, true
	case route == "DELETE deletedsecrets" && name != "" && rest == "":
		return operation{right: Purge, do: func() (any, *refusal) { return nil, s.purge(host, name) }}, true
	}
	return operation{}, false
}

func (e *entry) current() *version { return &e.versions[len(e.versions)-1] }

// version returns one version of an entry, the current one for no id.
func (e *entry) version(name, id string) (*version, *refusal) {
	if id == "" {
		return e.current(), nil
	}
	i := slices.IndexFunc(e.versions, func(v version) bool { return v.id == id })
	if i < 0 {
		return nil, notFound(name + "/" + id)
	}
	return &e.versions[i], nil
}

func (s *Server) get(host, name, id string) (any, *refusal) {
	e, refused := s.find(host, name)
	if refused != nil {
		return nil, refused
	}
	v, refused := e.version(name, id)
	if refused != nil {
		return nil, refused
	}
	// No older version is given instead.
	if v.disabled {
		return nil, &refusal{status: http.StatusForbidden, code: "Forbidden", inner: "SecretDisabled", message: "Operation get is not allowed on a disabled secret."}
	}
	return s.bundle(host, name, v, true, true), nil
}

// properties are what a client writes beside a value; those left out stay as
// they are.
type properties struct {
	Value       *string           `json:"value"`
	ContentType *string           `json:"contentType"`
	Tags        map[string]string `json:"tags"`
	Attributes  struct {
		Enabled   *bool  `json:"enabled"`
		Expires   *int64 `json:"exp"`
		NotBefore *int64 `json:"nbf"`
	} `json:"attributes"`
}

func (p properties) apply(v *version) {
	if p.ContentType != nil {
		v.contentType = *p.ContentType
	}
	if p.Tags != nil {
		v.tags = p.Tags
	}
	if p.Attributes.Enabled != nil {
		v.disabled = !*p.Attributes.Enabled
	}
	if p.Attributes.Expires != nil {
		v.expires = *p.Attributes.Expires
	}
	if p.Attributes.NotBefore != nil {
		v.notBefore = *p.Attributes.NotBefore
	}
}

func (s *Server) set(host, name string, r *http.Request) (any, *refusal) {
	var in properties
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Value == nil {
		return nil, badParameter("Property value is required.")
	}
	v := version{value: in.Value}
	in.apply(&v)
	v, refused := s.put(host, name, v)
	if refused != nil {
		return nil, refused
	}
	return s.bundle(host, name, &v, true, true), nil
}

// update changes everything about a version but its value, which needs a new one.
func (s *Server) update(host, name, id string, r *http.Request) (any, *refusal) {
	e, refused := s.find(host, name)
	if refused == nil {
		refused = s.changing(name, e)
	}
	if refused != nil {
		return nil, refused
	}
	v, refused := e.version(name, id)
	if refused != nil {
		return nil, refused
	}
	var in properties
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, badParameter("The request body is no JSON object.")
	}
	changed := *v
	in.apply(&changed)
	if refused := changed.wrong(); refused != nil {
		return nil, refused
	}
	changed.updated = s.config.Now().Truncate(time.Second)
	*v = changed
	return s.bundle(host, name, v, true, false), nil
}
