package fakevault

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// entry is one name in a vault.
type entry struct {
	versions []version // oldest first
	// deleted is zero for a secret in use.
	deleted time.Time
	// listed is when it can be found again, in use or among the deleted ones;
	// settled, when it can be written again.
	listed, settled time.Time
}

type version struct {
	id, contentType    string
	value              *string
	tags               map[string]string
	disabled           bool
	created, updated   time.Time
	expires, notBefore int64
}

// The service's limits on what is written. 25 KB is of the text; 256 characters
// of a tag is what older pages say, newer ones say 512.
const (
	maxValue       = 25 * 1024
	maxTags        = 15
	maxTag         = 256
	maxContentType = 255
)

var nameForm = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)

// refusal is an answer of the service other than success.
type refusal struct {
	status               int
	code, inner, message string
	retryAfter           string // of a throttled request, may be empty
}

func notFound(name string) *refusal {
	return &refusal{status: 404, code: "SecretNotFound", message: "A secret with (name/id) " + name + " was not found in this key vault. " +
		"If it was deleted recently, it may be possible to recover it."}
}

func badParameter(message string) *refusal {
	return &refusal{status: 400, code: "BadParameter", message: message}
}

// conflict is the answer to a change that the state of the name does not allow.
func conflict(inner, name, state string) *refusal {
	return &refusal{status: 409, code: "Conflict", inner: inner, message: "Secret " + name + " is currently " + state}
}

// entry returns what is kept under a name, nil when nothing is or its time as a
// deleted secret is over.
func (s *Server) entry(host, name string) *entry {
	key := strings.ToLower(name) // identifiers do not depend on case
	e := s.secrets[host][key]
	if e != nil && !e.deleted.IsZero() && !s.config.Now().Before(s.purgeDate(e)) {
		delete(s.secrets[host], key)
		return nil
	}
	return e
}

func (s *Server) purgeDate(e *entry) time.Time {
	return e.deleted.AddDate(0, 0, s.rules.retentionDays())
}

// changing says why an entry cannot be changed now: it is on its way between the
// states of being in use and of being deleted.
func (s *Server) changing(name string, e *entry) *refusal {
	switch now := s.config.Now(); {
	case !e.deleted.IsZero() && now.Before(e.listed):
		return conflict("ObjectIsBeingDeleted", name, "being deleted; retry later.")
	case e.deleted.IsZero() && now.Before(e.settled):
		return conflict("ObjectIsBeingRecovered", name, "being recovered; retry later.")
	}
	return nil
}

// find returns an entry in use. One that was deleted or recovered a moment ago
// is not found: the SDK's own tests wait for a 404 to pass.
func (s *Server) find(host, name string) (*entry, *refusal) {
	e := s.entry(host, name)
	if e == nil || !e.deleted.IsZero() || s.config.Now().Before(e.listed) {
		return nil, notFound(name)
	}
	return e, nil
}

// findDeleted returns an entry that can be recovered or purged.
func (s *Server) findDeleted(host, name string) (*entry, *refusal) {
	e := s.entry(host, name)
	if e == nil || e.deleted.IsZero() || s.config.Now().Before(e.listed) {
		return nil, notFound(name)
	}
	return e, nil
}

func (v *version) wrong() *refusal {
	switch {
	case v.value != nil && len(*v.value) > maxValue:
		return badParameter("Property value has invalid length.")
	case len(v.tags) > maxTags || len(v.contentType) > maxContentType:
		return badParameter("Too many tags or content type too long.")
	}
	for k, text := range v.tags {
		if len(k) > maxTag || len(text) > maxTag {
			return badParameter("Tag too long.")
		}
	}
	return nil
}

func (s *Server) put(host, name string, v version) (version, *refusal) {
	if !nameForm.MatchString(name) {
		return v, badParameter("The request URI contains an invalid name: " + name)
	}
	if r := v.wrong(); r != nil {
		return v, r
	}
	e := s.entry(host, name)
	if e == nil {
		e = &entry{}
		s.secrets[host][strings.ToLower(name)] = e
	}
	if r := s.changing(name, e); r != nil {
		return v, r
	}
	if !e.deleted.IsZero() {
		return v, conflict("ObjectIsDeletedButRecoverable", name, "in a deleted but recoverable state, "+
			"and its name cannot be reused; it can only be recovered or purged.")
	}
	// The service's times have whole seconds.
	v.id, v.created = randomHex(16), s.config.Now().Truncate(time.Second)
	v.updated = v.created
	if v.tags == nil {
		v.tags = map[string]string{}
	}
	e.versions = append(e.versions, v)
	return v, nil
}

func (s *Server) remove(host, name string) (*entry, *refusal) {
	if e := s.entry(host, name); e != nil && e.deleted.IsZero() {
		if r := s.changing(name, e); r != nil {
			return nil, r
		}
	}
	e, r := s.find(host, name)
	if r != nil {
		return nil, r
	}
	e.deleted = s.config.Now()
	e.listed = e.deleted.Add(s.rules.Deleting)
	return e, nil
}

// recover brings back a deleted secret with all its versions, so that the value
// is the old one.
func (s *Server) recover(host, name string) (*entry, *refusal) {
	if e := s.entry(host, name); e != nil {
		if r := s.changing(name, e); r != nil {
			return nil, r
		}
	}
	e, r := s.findDeleted(host, name)
	if r != nil {
		return nil, r
	}
	e.deleted = time.Time{}
	e.listed = s.config.Now().Add(s.rules.Recovering)
	e.settled = e.listed.Add(s.rules.Settling)
	return e, nil
}

func (s *Server) purge(host, name string) *refusal {
	if e := s.entry(host, name); e != nil {
		if r := s.changing(name, e); r != nil {
			return r
		}
	}
	if _, r := s.findDeleted(host, name); r != nil {
		return r
	}
	if s.rules.PurgeProtection {
		return &refusal{status: 403, code: "Forbidden", message: `Operation "purge" is not allowed because purge protection is enabled for this vault.`}
	}
	delete(s.secrets[host], strings.ToLower(name))
	return nil
}

// names returns those of the names that find accepts, sorted.
func (s *Server) names(host string, find func(host, name string) (*entry, *refusal)) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.secrets[host])) {
		if _, r := find(host, name); r == nil {
			names = append(names, name)
		}
	}
	return names
}
