package store

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func FuzzTextIsWrittenAsValidJSON(f *testing.F) {
	for _, s := range []string{"", "plain", `quote " backslash \ slash /`, "\x00\x1f\x7f\n\r\t", "ä😀\u2028", "a\xffb\xc3", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := appendText(nil, s)
		if !utf8.Valid(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if want := string([]rune(s)); back != want { // what is not UTF-8 becomes U+FFFD
			t.Fatalf("%q came back as %q", want, back)
		}
	})
}
