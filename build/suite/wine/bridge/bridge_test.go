package bridge_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/build/suite/wine/bridge"
)

func TestPath(t *testing.T) {
	for name, c := range map[string]struct{ path, want string }{
		"a path below a drive":    {`C:\users\root\x.exe`, "/prefix/dosdevices/c:/users/root/x.exe"},
		"a drive of its own":      {`Z:\`, "/prefix/dosdevices/z:"},
		"a path of this system":   {"/usr/bin", "/usr/bin"},
		"a pattern of packages":   {"./...", "./..."},
		"a flag":                  {"-o", "-o"},
		"an import path":          {"example.test/x", "example.test/x"},
		"a relative drive, whose": {"C:x", "C:x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := bridge.Path("/prefix", c.path); filepath.ToSlash(got) != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestCallRunsTheGoCommandInTheFolderOfTheCaller(t *testing.T) {
	value, err := bridge.Serve(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(bridge.Env, value)
	resp, err := bridge.Call([]string{"list", "."})
	if err != nil || resp.Code != 0 || !strings.HasSuffix(strings.TrimSpace(string(resp.Output)), "build/suite/wine/bridge") {
		t.Errorf("%v, %+v", err, resp)
	}
	if resp, err = bridge.Call([]string{"no-such-command"}); err != nil || resp.Code != 2 || !strings.Contains(string(resp.Output), "unknown command") {
		t.Errorf("a call that fails: %v, %+v", err, resp)
	}
}

func TestCallNeedsTheKeyOfARunningServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	value, err := bridge.Serve(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(t.TempDir(), "made")
	address, _, _ := strings.Cut(value, " ")
	for name, value := range map[string]string{"another key": address + " guess", "no key": address + " ", "no server": ""} {
		t.Setenv(bridge.Env, value)
		if _, err := bridge.Call([]string{"build", "-o", marker, "."}); err == nil {
			t.Errorf("with %s it was answered", name)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a stranger made a file")
	}
	cancel()
	t.Setenv(bridge.Env, value)
	// It ends on its own time.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := bridge.Call([]string{"version"}); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a server that was ended answers")
		}
	}
}
