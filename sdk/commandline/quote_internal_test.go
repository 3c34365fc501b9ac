package commandline

import (
	"os/exec"
	"testing"
)

func TestAnArgumentIsQuotedForItsShell(t *testing.T) {
	for text, want := range map[string][2]string{
		"secret://ad/svc-1": {"secret://ad/svc-1", "secret://ad/svc-1"},
		"":                  {"''", `""`},
		"a b":               {"'a b'", `"a b"`},
		"a*":                {"'a*'", `"a*"`},
		"it's":              {`'it'\''s'`, `"it's"`},
		"$(rm x)":           {"'$(rm x)'", "'$(rm x)'"},
		"a`b'c":             {"'a`b'\\''c'", "'a`b''c'"},
		`say "x"`:           {`'say "x"'`, `'say "x"'`},
		"%PATH%":            {"'%PATH%'", "'%PATH%'"},
		"日本":                {"'日本'", `"日本"`},
	} {
		if got := quote(text, false); got != want[0] {
			t.Errorf("%s: for sh %s, want %s", text, got, want[0])
		}
		if got := quote(text, true); got != want[1] {
			t.Errorf("%s: for Windows %s, want %s", text, got, want[1])
		}
	}
}

func TestAShellTakesWhatIsQuotedAsItWas(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("SKIPPED: there is no sh")
	}
	for _, text := range []string{"", `a'; echo "$HOME" \ * ~ !x #`, "`id`", "日本 語", "a\\"} {
		if out, err := exec.Command(sh, "-c", "printf %s "+quote(text, false)).Output(); err != nil || string(out) != text {
			t.Errorf("%q becomes %q, %v", text, out, err)
		}
	}
}
