package conformance

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// These tests need the mark of a run, which no report shows, so they are inside.

func TestEachCommonFormOfAValueIsFound(t *testing.T) {
	l := newLeaks([]string{`Pa"ss wörd+1`})
	value := l.value(64)
	l.note(value)
	sum := sha256.Sum256(value)
	quoted, _ := json.Marshal("x" + string(value))
	for form, text := range map[string]string{
		"as it is": "a" + string(value) + "b", "in JSON": string(quoted), "a part": string(value[:30]),
		"in hexadecimal": hex.EncodeToString(value), "in capitals": strings.ToUpper(hex.EncodeToString(value)),
		"as a list": fmt.Sprint(value),
		"Base64":    base64.StdEncoding.EncodeToString(value), "one byte on": base64.StdEncoding.EncodeToString(append([]byte("x"), value...)),
		"two bytes on": base64.URLEncoding.EncodeToString(append([]byte("xy"), value...)),
		"the digest":   "v-" + hex.EncodeToString(sum[:]), "the digest in Base64": "sha256:" + base64.StdEncoding.EncodeToString(sum[:]),
		"the secret": `login Pa"ss wörd+1 failed`, "the secret in a URL": "?p=" + url.QueryEscape(`Pa"ss wörd+1`),
		"the secret in JSON": `{"p":"Pa\"ss wörd+1"}`,
	} {
		if l.find([]byte(text)) == "" {
			t.Errorf("%s was not found", form)
		}
		if got := l.redact("got " + text); strings.Contains(got, text) {
			t.Errorf("%s is not withheld: %s", form, got)
		}
	}
	for _, text := range []string{"", "nothing of it", strings.Repeat("Cn", 40), hex.EncodeToString(make([]byte, 32)), string(newLeaks(nil).value(64))} {
		if form := l.find([]byte(text)); form != "" {
			t.Errorf("%s was found in %q", form, text)
		}
	}
}

func TestValuesHaveTheirLengthAndNothingInCommonButTheMark(t *testing.T) {
	l := newLeaks(nil)
	for _, n := range []int{0, 1, 17, 27, 28, 64, 1 << 20} {
		a, b := l.value(n), l.value(n)
		if len(a) != n || n > 17 && string(a[n-9:]) == string(b[n-9:]) {
			t.Errorf("of %d bytes: %d bytes, the ends are %q and %q", n, len(a), a[max(0, n-9):], b[max(0, n-9):])
		}
	}
}

func TestHostileRefsAreEachAnotherOne(t *testing.T) {
	seen := map[string]bool{}
	for _, tail := range hostile() {
		if seen[tail] {
			t.Errorf("%q is there twice", tail)
		}
		seen[tail] = true
	}
}
