package ldap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
)

const watermarkVersion = 1

// watermark is what a [connector.Watermark] of this kind holds, as JSON.
type watermark struct {
	Version int `json:"v"`
	// Scope tells the searches apart that the watermark was made for: another
	// base, filter or attribute list has to be read in full once.
	Scope string `json:"scope"`

	// ModifyTimestamp, of a generic directory, is a GeneralizedTime. Every entry
	// changed before it was read.
	ModifyTimestamp string `json:"modifyTimestamp,omitempty"`

	// USN is the update sequence number up to which the domain controller with
	// this InvocationID was read. Server is its name, for messages.
	USN          int64  `json:"usn,omitempty"`
	InvocationID string `json:"invocationId,omitempty"`
	Server       string `json:"server,omitempty"`
}

func (w watermark) encode() connector.Watermark {
	b, err := json.Marshal(w)
	if err != nil {
		panic(fmt.Sprintf("ldap: a watermark of plain texts and numbers cannot be encoded: %v", err))
	}
	return connector.Watermark(b)
}

// parseWatermark returns a [*connector.FullRequiredError] when text cannot be
// continued from with these settings.
func parseWatermark(text connector.Watermark, s *settings) (watermark, error) {
	var w watermark
	if text == "" {
		return w, &connector.FullRequiredError{Why: "nothing was imported yet"}
	}
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return w, &connector.FullRequiredError{Why: "the stored watermark cannot be read: " + err.Error()}
	}
	if w.Version != watermarkVersion {
		return w, &connector.FullRequiredError{Why: fmt.Sprintf("the stored watermark has version %d, expected %d", w.Version, watermarkVersion)}
	}
	if w.Scope != s.scope() {
		return w, &connector.FullRequiredError{Why: "the connector's configuration changed what is read since the last import"}
	}
	return w, nil
}

// since returns the watermark's time.
func (w watermark) since() (time.Time, error) {
	t, ok := parseTime(w.ModifyTimestamp)
	if !ok {
		return t, &connector.FullRequiredError{Why: fmt.Sprintf("the stored watermark holds no usable modifyTimestamp, found %q", w.ModifyTimestamp)}
	}
	return t, nil
}

// scope is a fingerprint of the settings that decide what objects are read and
// how they look. Domain controllers identify themselves, other servers are told
// apart by their address.
func (s *settings) scope() string {
	parts := []string{s.directory, s.baseDN, s.filter, s.anchor, s.objectType, strings.Join(s.attributes, ","), strings.Join(s.binaryAttributes, ",")}
	if !s.activeDirectory() {
		parts = append(parts, s.host, strconv.Itoa(s.port))
	}
	sum := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(sum, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
