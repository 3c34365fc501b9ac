package fakevault

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// entry is one name in a vault.
type entry struct {
	versions []version // oldest first
	// deleted is zero for a secret in use. ready ends a transition.
	deleted, ready time.Time
}

type version struct {
	id, contentType    string
	value              *string
	tags               map[string]string
	disabled           bool
	created, updated   time.Time
	expires, notBefore int64
}

// maxValue is the service's limit of 25 KB, on the text.
const maxValue = 25 * 1024

var nameForm = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)

// refusal is an answer of the service other than success.
type refusal struct {
	status               int
	code, inner, message string
}

func notFound(name string) *refusal {
	return &refusal{404, "SecretNotFound", "", "A secret with (name/id) " + name + " was not found in this key vault. " +
		"If you recently deleted this secret you may be able to recover it using the correct recovery command."}
}

// find returns an entry in use.
func (s *Server) find(host, name string) (*entry, *refusal) {
	e := s.secrets[host][strings.ToLower(name)]
	if e == nil || !e.deleted.IsZero() || len(e.versions) == 0 {
		return nil, notFound(name)
	}
	if s.config.Now().Before(e.ready) {
		return nil, notFound(name) // recovered, and not yet everywhere
	}
	return e, nil
}

func (s *Server) put(host, name string, v version) (version, *refusal) {
	switch {
	case !nameForm.MatchString(name):
		return v, &refusal{400, "BadParameter", "", "The request URI contains an invalid name: " + name}
	case v.value != nil && len(*v.value) > maxValue:
		return v, &refusal{400, "BadParameter", "", "Property value has invalid length."}
	case len(v.tags) > 15 || len(v.contentType) > 255:
		return v, &refusal{400, "BadParameter", "", "Too many tags or content type too long."}
	}
	for k, text := range v.tags {
		if len(k) > 256 || len(text) > 256 {
			return v, &refusal{400, "BadParameter", "", "Tag too long."}
		}
	}
	e := s.secrets[host][strings.ToLower(name)]
	now := s.config.Now()
	switch {
	case e == nil:
		e = &entry{}
		s.secrets[host][strings.ToLower(name)] = e
	case !e.deleted.IsZero() && now.Before(e.ready):
		return v, &refusal{409, "Conflict", "ObjectIsBeingDeleted", "Secret " + name + " is currently being deleted and cannot be re-created; retry later."}
	case !e.deleted.IsZero():
		return v, &refusal{409, "Conflict", "ObjectIsDeletedButRecoverable", "Secret " + name + " is currently in a deleted but recoverable state, " +
			"and its name cannot be reused; in this state, the secret can only be recovered or purged."}
	case now.Before(e.ready):
		return v, &refusal{409, "Conflict", "ObjectIsBeingRecovered", "Secret " + name + " is currently being recovered; retry later."}
	}
	// The service's times have whole seconds.
	v.id, v.created = randomHex(16), now.Truncate(time.Second)
	v.updated = v.created
	e.versions = append(e.versions, v)
	return v, nil
}

func (s *Server) remove(host, name string) (*entry, *refusal) {
	e, r := s.find(host, name)
	if r != nil {
		return nil, r
	}
	e.deleted = s.config.Now()
	e.ready = e.deleted.Add(s.config.Transition)
	return e, nil
}

func (s *Server) deletedEntry(host, name string) (*entry, *refusal) {
	e := s.secrets[host][strings.ToLower(name)]
	if e == nil || e.deleted.IsZero() || s.config.Now().Before(e.ready) {
		return nil, notFound(name)
	}
	return e, nil
}

func (s *Server) recover(host, name string) (*entry, *refusal) {
	e, r := s.deletedEntry(host, name)
	if r != nil {
		return nil, r
	}
	e.deleted = time.Time{}
	e.ready = s.config.Now().Add(s.config.Transition)
	return e, nil
}

// names returns the names in use, sorted.
func (s *Server) names(host string) []string {
	var names []string
	for name := range s.secrets[host] {
		if _, r := s.find(host, name); r == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Disable switches the current version of a secret off, or on again.
func (s *Server) Disable(host, name string, disabled bool) {
	s.change(host, name, func(v *version) { v.disabled = disabled })
}

// SetText puts any text in the place of the current version's, nil for none.
func (s *Server) SetText(host, name string, text *string) {
	s.change(host, name, func(v *version) { v.value = text })
}

// SetTag changes a tag of the current version.
func (s *Server) SetTag(host, name, key, text string) {
	s.change(host, name, func(v *version) { v.tags[key] = text })
}

// Text returns the current version's text, its content type and its tags, as a
// person would see them in the portal.
func (s *Server) Text(host, name string) (text, contentType string, tags map[string]string) {
	s.change(host, name, func(v *version) {
		if v.value != nil {
			text = *v.value
		}
		contentType, tags = v.contentType, v.tags
	})
	return text, contentType, tags
}

// Put writes a secret as another client would.
func (s *Server) Put(host, name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.put(host, name, version{value: &text, tags: map[string]string{}})
}

func (s *Server) change(host, name string, change func(*version)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.secrets[host][strings.ToLower(name)]; e != nil && len(e.versions) > 0 {
		change(&e.versions[len(e.versions)-1])
	}
}
