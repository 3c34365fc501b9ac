package naming_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/naming"
)

// The expected names were computed with another program, as
// printf %s REF | sha256sum | cut -c 1-32, and never change.
func TestNameOfEveryRefForEver(t *testing.T) {
	tests := []struct{ name, ref, want string }{
		{"the published example", "secret://ad/svc/password", "im-4dcca9e40db8d988ebd8f907f7449ec4"},
		{"upper case is another secret", "SECRET://AD/SVC/PASSWORD", "im-85b89a6e097f12a9f58f724a0876e53e"},
		{"a trailing slash is another secret", "secret://ad/svc/password/", "im-383c904e7e2db9aff62ca9fbfdabe5c7"},
		{"a leading blank is another secret", " secret://ad/svc/password", "im-64bf6621e653189afcceb66ab5ff805a"},
		{"a composed letter", "secret://hr/Zo\u00eb", "im-14cb66949b68f8b3ed0531cc0d6f4765"},
		{"the same letter decomposed is another secret", "secret://hr/Zoe\u0308", "im-473b1cb7d122343eebe3c3d77d5f9fee"},
		{"the longest ref, 4096 characters", "secret://" + strings.Repeat("a", 4087), "im-d89ba672a08352791de7efc94d2f248c"},
		{"bytes that are no UTF-8", "\xff\x00", "im-ea5dbf9596d187e9500f23e9a6801094"},
		{"no ref at all", "", "im-e3b0c44298fc1c149afbf4c8996fb924"},
	}
	form := regexp.MustCompile(`^im-[0-9a-f]{32}$`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := naming.Name(tt.ref)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if !naming.Mapped(got) || !naming.Matches(got, tt.ref) || naming.Matches(got, tt.ref+"x") {
				t.Errorf("%s is not known as the name of its ref", got)
			}
			if len(got) != naming.Length || naming.Length != 35 || !strings.HasPrefix(got, naming.Prefix) || !form.MatchString(got) {
				t.Errorf("%s has not the promised form", got)
			}
		})
	}
}

func TestOtherNamesHaveNotTheForm(t *testing.T) {
	for _, name := range []string{"", "im-", "svc-password", "im-4DCCA9E40DB8D988EBD8F907F7449EC4", "im-4dcca9e40db8d988ebd8f907f7449ec",
		"im-4dcca9e40db8d988ebd8f907f7449ec4 ", "IM-4dcca9e40db8d988ebd8f907f7449ec4", "im-4dcca9e40db8d988ebd8f907f7449ecg", "im_4dcca9e40db8d988ebd8f907f7449ec4"} {
		if naming.Mapped(name) || naming.Matches(name, "secret://ad/svc/password") {
			t.Errorf("%q passes for one of ours", name)
		}
	}
}

func TestNameThatDiffersInOneDigitIsAnother(t *testing.T) {
	const ref = "secret://ad/svc/password"
	for i := len(naming.Prefix); i < naming.Length; i++ {
		name := []byte(naming.Name(ref))
		name[i] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", name[i])]
		if !naming.Mapped(string(name)) || naming.Matches(string(name), ref) {
			t.Errorf("%s passes", name)
		}
	}
}

func TestComparingANameAllocatesNothing(t *testing.T) {
	ref := "secret://" + strings.Repeat("a", 200)
	name := naming.Name(ref)
	if n := testing.AllocsPerRun(100, func() { naming.Matches(name, ref) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
