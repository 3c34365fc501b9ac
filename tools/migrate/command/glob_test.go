package command_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Whoever may name a secret decides neither what an operator's shell does nor which other
// secrets an answer is about.
func TestWhatIsToBeTypedNamesThatOneRef(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: its shell quotes in another way")
	}
	const odd, like = secret.Ref(`secret://it's; rm -rf ~/a*\?`), secret.Ref(`secret://it's; rm -rf ~/abc\d`)
	w := newWorld(t)
	w.set(w.folder, map[secret.Ref]string{odd: "-1", like: "-2"})
	w.set(w.other, map[secret.Ref]string{odd: "-3", like: "-4"})
	w.set(w.folder, map[secret.Ref]string{odd: "-5", like: "-6"}) // the newer ones
	w.planned(6, `run --replace 'secret://it'\''s; rm -rf ~/a\*\\\?'; if`)
	w.must(6, []string{"run", "--replace", `secret://it's; rm -rf ~/a\*\\\?`}, "     1  copied")
	w.has(w.other, map[secret.Ref]string{odd: "-5", like: "-4"})
	w.must(6, []string{"run", "--replace", `secret://it's*\`}) // nothing ends so
	w.has(w.other, map[secret.Ref]string{like: "-4"})
	w.must(0, []string{"run", "--replace", `secret://it?s; * ~/ab?\\d`}, "     1  copied")
	w.clean()
}

func TestASourceWithoutSecretsIsNotToBeReported(t *testing.T) {
	w := newWorld(t)
	w.planned(0, "next: nothing is to be moved: change Secrets:Provider in the settings yourself")
	w.must(4, []string{"switch"}, "there is nothing to move")
	if text, err := os.ReadFile(settings(w.folder)); err != nil || strings.Contains(string(text), "Provider") {
		t.Errorf("%s, %v", text, err)
	}
}
