package audit

import (
	"crypto/sha256"
	"strings"
	"time"
	"unicode/utf8"
)

// Phase says whether a record was written before or after what it tells of.
type Phase string

// The phases.
const (
	Intent  Phase = "intent"
	Outcome Phase = "outcome"
	// Event is of something that happened, and has no second record.
	Event Phase = "event"
)

// Entry is what a caller says of an action. No field may hold a secret value.
type Entry struct {
	// Actor is who acted, as in "token admin" or "user root".
	Actor string `json:"actor"`
	// Role that allowed it; empty where rights are the operating system's.
	Role string `json:"role,omitempty"`
	// Address that the request came from, or the name of the host for a tool.
	Address string `json:"address,omitempty"`
	// Action is what was done, as in "secrets.export".
	Action string `json:"action"`
	// Target is what it was done to: a ref, the id of a connector.
	Target string `json:"target,omitempty"`
	// Correlation is the id that logs and traces have too.
	Correlation string `json:"correlation,omitempty"`
	// Detail is more about it, as JSON.
	Detail string `json:"detail,omitempty"`
}

// Record is an entry in its chain.
type Record struct {
	// Seq counts from 1 without a gap.
	Seq int64 `json:"seq"`
	// Time in UTC, whole microseconds.
	Time  time.Time `json:"time"`
	Phase Phase     `json:"phase"`
	// Intent is the Seq of the record whose outcome this is; 0 for others.
	Intent int64 `json:"intent,omitempty"`
	Entry
	// Outcome is the reason of package fault, OK for success; empty for an intent.
	Outcome string `json:"outcome,omitempty"`
	// Hash is the SHA-256 of the hash before and of this record, in hexadecimal
	// digits.
	Hash string `json:"hash"`
}

// MaxText is how many bytes a field of an [Entry] may have; what is longer is cut.
const MaxText = 64 << 10

// start is what stands in the place of the hash before the first record.
var start = strings.Repeat("0", 2*sha256.Size)

// formVersion is the first byte of the canonical form.
const formVersion = 1

// sum returns the record's hash; see [form].
func (r Record) sum(before string) (string, error) {
	f, err := newForm(formVersion, before)
	if err != nil {
		return "", err
	}
	f.number(r.Seq)
	f.number(r.Time.UnixMicro())
	f.text(string(r.Phase))
	f.number(r.Intent)
	for _, s := range r.texts() {
		f.text(*s)
	}
	return f.sum(), nil
}

// texts are the fields of the caller, in the order of the canonical form and of
// the table's columns.
func (r *Record) texts() []*string {
	return []*string{&r.Actor, &r.Role, &r.Address, &r.Action, &r.Target, &r.Outcome, &r.Correlation, &r.Detail}
}

// fit makes texts that every database gives back as they are.
func (r *Record) fit() {
	for _, s := range r.texts() {
		if len(*s) > MaxText {
			*s = (*s)[:MaxText]
		}
		if !utf8.ValidString(*s) {
			*s = strings.ToValidUTF8(*s, "")
		}
		*s = strings.ReplaceAll(*s, "\x00", "")
	}
}
