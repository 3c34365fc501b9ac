package fakevault

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// pageSize is the service's.
const pageSize = 25

// serveVault answers one request to a vault: challenge first, as the service.
func (s *Server) serveVault(host string, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-request-id", uuid())
	token, has := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	complaint := "AKV10000: Request is missing a Bearer or PoP token."
	if has {
		complaint = s.accepts(token)
	}
	if complaint != "" {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization="https://login.windows.net/%s", resource="%s"`, s.Tenant, vaultResource))
		refuse(w, &refusal{http.StatusUnauthorized, "Unauthorized", "", complaint})
		return
	}
	if r.URL.Query().Get("api-version") == "" {
		refuse(w, &refusal{http.StatusBadRequest, "BadParameter", "", "api-version must be specified"})
		return
	}
	s.mu.Lock()
	body, refused := s.dispatch(host, r)
	s.mu.Unlock()
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
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(Refusal(r.code, r.inner, r.message)))
}

// dispatch runs with the lock held. The service takes a trailing slash.
func (s *Server) dispatch(host string, r *http.Request) (any, *refusal) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	name, rest := "", ""
	if len(parts) > 1 {
		name = parts[1]
	}
	if len(parts) > 2 {
		rest = parts[2]
	}
	switch route := r.Method + " " + parts[0]; {
	case len(parts) > 3:
	case route == "GET secrets" && name == "":
		return s.list(host, r, s.names(host), "/secrets", func(n string) any {
			e := s.secrets[host][n]
			return bundle(host, n, e.versions[len(e.versions)-1], false, false)
		}), nil
	case route == "GET secrets" && rest == "versions":
		return s.listVersions(host, name, r)
	case route == "GET secrets":
		return s.get(host, name, rest)
	case route == "PUT secrets" && rest == "":
		return s.set(host, name, r)
	case route == "DELETE secrets" && rest == "":
		e, refused := s.remove(host, name)
		return deletedBundle(host, name, e), refused
	case route == "GET deletedsecrets" && name != "":
		e, refused := s.deletedEntry(host, name)
		return deletedBundle(host, name, e), refused
	case route == "POST deletedsecrets" && rest == "recover":
		e, refused := s.recover(host, name)
		if refused != nil {
			return nil, refused
		}
		return bundle(host, name, e.versions[len(e.versions)-1], true, false), nil
	case route == "DELETE deletedsecrets" && name != "":
		_, refused := s.deletedEntry(host, name)
		if refused == nil {
			delete(s.secrets[host], strings.ToLower(name))
		}
		return nil, refused
	}
	return nil, &refusal{http.StatusNotFound, "NotFound", "", "No such resource."}
}

func (s *Server) get(host, name, id string) (any, *refusal) {
	e, refused := s.find(host, name)
	if refused != nil {
		return nil, refused
	}
	v := e.versions[len(e.versions)-1]
	if id != "" {
		i := slices.IndexFunc(e.versions, func(v version) bool { return v.id == id })
		if i < 0 {
			return nil, notFound(name + "/" + id)
		}
		v = e.versions[i]
	}
	if v.disabled {
		return nil, &refusal{http.StatusForbidden, "Forbidden", "SecretDisabled", "Operation get is not allowed on a disabled secret."}
	}
	return bundle(host, name, v, true, true), nil
}

func (s *Server) set(host, name string, r *http.Request) (any, *refusal) {
	var in struct {
		Value       *string           `json:"value"`
		ContentType string            `json:"contentType"`
		Tags        map[string]string `json:"tags"`
		Attributes  struct {
			Enabled   *bool `json:"enabled"`
			Expires   int64 `json:"exp"`
			NotBefore int64 `json:"nbf"`
		} `json:"attributes"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Value == nil {
		return nil, &refusal{http.StatusBadRequest, "BadParameter", "", "Property value is required."}
	}
	v, refused := s.put(host, name, version{value: in.Value, contentType: in.ContentType, tags: in.Tags,
		expires: in.Attributes.Expires, notBefore: in.Attributes.NotBefore,
		disabled: in.Attributes.Enabled != nil && !*in.Attributes.Enabled})
	if refused != nil {
		return nil, refused
	}
	return bundle(host, name, v, true, true), nil
}

// listVersions gives the versions sorted by id, which is no order of time: the
// service promises none.
func (s *Server) listVersions(host, name string, r *http.Request) (any, *refusal) {
	e, refused := s.find(host, name)
	if refused != nil {
		return nil, refused
	}
	byID := map[string]version{}
	var ids []string
	for _, v := range e.versions {
		byID[v.id] = v
		ids = append(ids, v.id)
	}
	slices.Sort(ids)
	return s.list(host, r, ids, "/secrets/"+name+"/versions", func(id string) any { return bundle(host, name, byID[id], true, false) }), nil
}

// list cuts a page out of sorted keys; the marker is the last key of the page
// before.
func (s *Server) list(host string, r *http.Request, keys []string, path string, item func(string) any) any {
	if marker, err := base64.StdEncoding.DecodeString(r.URL.Query().Get("$skiptoken")); err == nil && len(marker) > 0 {
		i, found := slices.BinarySearch(keys, string(marker))
		if found {
			i++
		}
		keys = keys[i:]
	}
	page := map[string]any{"nextLink": nil}
	if len(keys) > pageSize {
		keys = keys[:pageSize]
		query := url.Values{"api-version": {r.URL.Query().Get("api-version")}, "maxresults": {fmt.Sprint(pageSize)},
			"$skiptoken": {base64.StdEncoding.EncodeToString([]byte(keys[len(keys)-1]))}}
		page["nextLink"] = "https://" + host + ":443" + path + "?" + query.Encode()
	}
	items := []any{}
	for _, key := range keys {
		items = append(items, item(key))
	}
	page["value"] = items
	return page
}

func bundle(host, name string, v version, withVersion, withValue bool) map[string]any {
	id := "https://" + host + "/secrets/" + name
	if withVersion {
		id += "/" + v.id
	}
	attributes := map[string]any{"enabled": !v.disabled, "created": v.created.Unix(), "updated": v.updated.Unix(),
		"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}
	if v.expires != 0 {
		attributes["exp"] = v.expires
	}
	if v.notBefore != 0 {
		attributes["nbf"] = v.notBefore
	}
	out := map[string]any{"id": id, "attributes": attributes, "tags": v.tags}
	if v.contentType != "" {
		out["contentType"] = v.contentType
	}
	if withValue && v.value != nil {
		out["value"] = *v.value
	}
	return out
}

func deletedBundle(host, name string, e *entry) map[string]any {
	if e == nil {
		return nil
	}
	out := bundle(host, name, e.versions[len(e.versions)-1], true, false)
	out["recoveryId"] = "https://" + host + "/deletedsecrets/" + name
	out["deletedDate"] = e.deleted.Unix()
	out["scheduledPurgeDate"] = e.deleted.AddDate(0, 0, 90).Unix()
	return out
}
