package api

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzAValueIsReadAsJSONSays compares with encoding/json, whose strings cannot be
// wiped, for all that is Unicode.
func FuzzAValueIsReadAsJSONSays(f *testing.F) {
	for _, seed := range []string{`""`, `"a"`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\ud83d\udd11"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\udd11"`, `"\u12"`, `"\x"`, `"\`, "\"\xff\"", `"é"`, `5`, `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) || len(data) == 0 || data[0] != '"' || data[len(data)-1] != '"' {
			_, _ = unquote(data) // must not panic
			return
		}
		var want string
		if err := json.Unmarshal(data, &want); err != nil {
			t.Skip()
		}
		got, ok := unquote(data)
		if !ok {
			// encoding/json replaces what is not Unicode; then there is a replacement.
			if utf8.Valid(data) && !containsReplacement(want) {
				t.Fatalf("%q was refused", data)
			}
			return
		}
		if string(got) != want {
			t.Fatalf("%q was read as %q instead of %q", data, got, want)
		}
	})
}

func containsReplacement(text string) bool {
	for _, r := range text {
		if r == utf8.RuneError {
			return true
		}
	}
	return false
}

func TestABodyIsWipedAfterItWasUsed(t *testing.T) {
	p := Payload{bytes: append(make([]byte, 0, 64), `{"value":"c4nary"}`...)}
	req, _ := secretRequest(p)
	held := req.Value.Reveal()
	if string(held) != "c4nary" {
		t.Fatalf("read %q", held)
	}
	p.wipe()
	req.Value.Wipe()
	for _, b := range append(held[:cap(held)], p.bytes[:cap(p.bytes)]...) {
		if b != 0 {
			t.Fatal("something of the value is left")
		}
	}
}
