package fakevault

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// pageSize is the service's: a client may ask for less and never gets more.
const pageSize = 25

func (s *Server) listSecrets(host string, r *http.Request) (any, *refusal) {
	return s.list(host, r, s.names(host, s.find), "/secrets", func(name string) any {
		return s.bundle(host, name, s.secrets[host][name].current(), false, false)
	})
}

func (s *Server) listDeleted(host string, r *http.Request) (any, *refusal) {
	return s.list(host, r, s.names(host, s.findDeleted), "/deletedsecrets", func(name string) any {
		return s.deletedBundle(host, name, s.secrets[host][name])
	})
}

// listVersions gives the versions sorted by id, which is no order of time: the
// service promises none. A name that is not in use has no versions, and no error:
// the live tests of the SDK for JavaScript count zero of them.
func (s *Server) listVersions(host, name string, r *http.Request) (any, *refusal) {
	e, refused := s.find(host, name)
	if refused != nil {
		e = &entry{}
	}
	byID := map[string]*version{}
	var ids []string
	for i := range e.versions {
		v := &e.versions[i]
		byID[v.id] = v
		ids = append(ids, v.id)
	}
	slices.Sort(ids)
	return s.list(host, r, ids, "/secrets/"+name+"/versions", func(id string) any { return s.bundle(host, name, byID[id], true, false) })
}

// list cuts a page out of sorted keys; the marker is the last key of the page
// before. The link names the port, as the service's does.
func (s *Server) list(host string, r *http.Request, keys []string, path string, item func(string) any) (any, *refusal) {
	size := pageSize
	if text := r.URL.Query().Get("maxresults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > pageSize {
			return nil, badParameter("maxresults must be from 1 to 25.")
		}
		size = n
	}
	if marker, err := base64.StdEncoding.DecodeString(r.URL.Query().Get("$skiptoken")); err == nil && len(marker) > 0 {
		i, found := slices.BinarySearch(keys, string(marker))
		if found {
			i++
		}
		keys = keys[i:]
	}
	page := map[string]any{"nextLink": nil}
	if len(keys) > size {
		keys = keys[:size]
		query := url.Values{"api-version": {r.URL.Query().Get("api-version")}, "maxresults": {strconv.Itoa(size)},
			"$skiptoken": {base64.StdEncoding.EncodeToString([]byte(keys[len(keys)-1]))}}
		page["nextLink"] = "https://" + host + ":443" + path + "?" + query.Encode()
	}
	items := []any{}
	for _, key := range keys {
		items = append(items, item(key))
	}
	page["value"] = items
	return page, nil
}

// bundle is the JSON form of a version. Lists have neither the value nor, for
// secrets, the version.
func (s *Server) bundle(host, name string, v *version, withVersion, withValue bool) map[string]any {
	id := "https://" + host + "/secrets/" + name
	if withVersion {
		id += "/" + v.id
	}
	attributes := map[string]any{"enabled": !v.disabled, "created": v.created.Unix(), "updated": v.updated.Unix(),
		"recoveryLevel": s.rules.recoveryLevel(), "recoverableDays": s.rules.retentionDays()}
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

func (s *Server) deletedBundle(host, name string, e *entry) map[string]any {
	if e == nil {
		return nil
	}
	out := s.bundle(host, name, e.current(), true, false)
	out["recoveryId"] = "https://" + host + "/deletedsecrets/" + name
	out["deletedDate"] = e.deleted.Unix()
	out["scheduledPurgeDate"] = s.purgeDate(e).Unix()
	return out
}
