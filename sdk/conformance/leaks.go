package conformance

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// leaks finds values where none may be. Every value of some length that the run
// writes holds the same random mark, so that looking for the mark in a few forms
// finds each of them, also in parts. Safe for concurrent use.
type leaks struct {
	mark    string
	needles []needle

	mu      sync.Mutex
	digests map[string]string // text of a digest -> its name
}

// needle is a text that must not be seen, and the form of a value that it is.
type needle struct{ form, text string }

// minDigested is the length from which on a digest tells values apart: that of
// an empty value is well known.
const minDigested = 16

// newLeaks looks for a mark of its own and for the secret texts.
func newLeaks(secrets []string) *leaks {
	l := &leaks{mark: "Cn" + random(16), digests: map[string]string{}}
	l.needles = forms(l.mark, "a value")
	for _, text := range secrets {
		l.needles = append(l.needles, forms(text, "a secret of the configuration")...)
	}
	return l
}

// forms are the usual ways in which a text turns up.
func forms(text, what string) []needle {
	raw := []byte(text)
	quoted, _ := json.Marshal(text)
	var percent, decimal strings.Builder
	for _, b := range raw {
		fmt.Fprintf(&percent, "%%%02x", b)
		fmt.Fprintf(&decimal, "%d ", b)
	}
	list := strings.TrimSuffix(decimal.String(), " ")
	all := []needle{
		{what, text}, {what + " as JSON", strings.Trim(string(quoted), `"`)},
		{what + " in hexadecimal", hex.EncodeToString(raw)}, {what + " in hexadecimal", strings.ToUpper(hex.EncodeToString(raw))},
		{what + " percent-encoded", url.QueryEscape(text)}, {what + " percent-encoded", url.PathEscape(text)},
		{what + " percent-encoded", percent.String()}, {what + " percent-encoded", strings.ToUpper(percent.String())},
		{what + " as a list of numbers", list}, {what + " as a list of numbers", strings.ReplaceAll(list, " ", ",")},
		{what + " as a list of numbers", strings.ReplaceAll(list, " ", ", ")},
	}
	// What stands before the text decides which of three alignments it has; whole
	// groups of three bytes look the same whatever is around them.
	for skip := range 3 {
		if len(raw) < skip+9 {
			continue
		}
		whole := raw[skip : skip+(len(raw)-skip)/3*3]
		all = append(all, needle{what + " in Base64", base64.StdEncoding.EncodeToString(whole)},
			needle{what + " in Base64", base64.URLEncoding.EncodeToString(whole)})
	}
	return all
}

// value returns a value of n bytes of printable ASCII that is like no other in any
// part. It begins with the mark when there is room for it.
func (l *leaks) value(n int) []byte {
	out := make([]byte, n)
	at := 0
	if head := l.mark + "-"; n >= len(head)+8 {
		at = copy(out, head)
	}
	r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	for at < n {
		for bits := r.Uint64(); bits != 0 && at < n; bits /= uint64(len(letters)) {
			out[at] = letters[bits%uint64(len(letters))]
			at++
		}
	}
	return out
}

// note remembers the digests of a value that was written.
func (l *leaks) note(value []byte) {
	if len(value) < minDigested {
		return
	}
	a, b, c := sha256.Sum256(value), sha1.Sum(value), md5.Sum(value)
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, sum := range map[string][]byte{"SHA-256": a[:], "SHA-1": b[:], "MD5": c[:]} {
		for _, text := range []string{hex.EncodeToString(sum), base64.RawStdEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum)} {
			l.digests[text] = "the " + name + " of a value"
		}
	}
}

var (
	hexRuns    = regexp.MustCompile(`[0-9a-fA-F]{32,128}`)
	base64Runs = regexp.MustCompile(`[0-9A-Za-z+/_-]{22,64}`)
)

// redact withholds a text that holds a value: a plugin may quote one anywhere, and
// a report goes to many people.
func (l *leaks) redact(text string) string {
	if form := l.find([]byte(text)); form != "" {
		return "(what it says is withheld, because it holds " + form + ")"
	}
	return text
}

// find returns which form of a value text holds, or nothing.
func (l *leaks) find(text []byte) string {
	for _, n := range l.needles {
		if bytes.Contains(text, []byte(n.text)) {
			return n.form
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, run := range hexRuns.FindAll(text, -1) {
		if form := l.digests[strings.ToLower(string(run))]; form != "" {
			return form
		}
	}
	for _, run := range base64Runs.FindAll(text, -1) {
		if form := l.digests[string(run)]; form != "" {
			return form
		}
	}
	return ""
}
