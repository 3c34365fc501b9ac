package fakevault

import (
	"strings"
	"time"
)

// What a test does to a vault behind the back of the client that it tests, as a
// person in the portal or another client would.

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

// SetTimes changes when the current version is valid, the zero time for no limit.
func (s *Server) SetTimes(host, name string, notBefore, expires time.Time) {
	unix := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	s.change(host, name, func(v *version) { v.notBefore, v.expires = unix(notBefore), unix(expires) })
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
	_, _ = s.put(host, name, version{value: &text})
}

// Delete begins to delete a secret as another client would.
func (s *Server) Delete(host, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.remove(host, name)
}

func (s *Server) change(host, name string, change func(*version)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.secrets[host][strings.ToLower(name)]; e != nil && len(e.versions) > 0 {
		change(&e.versions[len(e.versions)-1])
	}
}
