package buildinfo_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/buildinfo"
)

func TestFrom(t *testing.T) {
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	revision := setting("vcs.revision", "583a1923d63edd5b31ad880b0b4d475cae2b9999")
	at := setting("vcs.time", "2026-11-22T20:15:00Z")
	platform := runtime.GOOS + "/" + runtime.GOARCH
	tests := map[string]struct {
		linked, module string
		settings       []debug.BuildSetting
		want           string
	}{
		"a release says version, commit and its date": {
			"1.2.3", "(devel)", []debug.BuildSetting{revision, at, setting("vcs.modified", "false")},
			"1.2.3 (commit 583a1923d63e, 2026-11-22T20:15:00Z, go1.26.8, " + platform + ")",
		},
		"changed files show": {
			"1.2.3", "", []debug.BuildSetting{revision, at, setting("vcs.modified", "true")},
			"1.2.3 (commit 583a1923d63e-dirty, 2026-11-22T20:15:00Z, go1.26.8, " + platform + ")",
		},
		"the linker's version goes before the module's": {"1.2.3", "v9.9.9", nil, "1.2.3 (go1.26.8, " + platform + ")"},
		"a module from a proxy knows its version":       {"", "v0.2.0", nil, "0.2.0 (go1.26.8, " + platform + ")"},
		"a tree that nobody named is not released":      {"", "(devel)", nil, "0.0.0-devel (go1.26.8, " + platform + ")"},
		"a build without information is neither":        {"", "", nil, "0.0.0-devel (go1.26.8, " + platform + ")"},
		"a short revision is shown whole":               {"1.2.3", "", []debug.BuildSetting{setting("vcs.revision", "41")}, "1.2.3 (commit 41, go1.26.8, " + platform + ")"},
		"changes without a commit say nothing":          {"1.2.3", "", []debug.BuildSetting{setting("vcs.modified", "true")}, "1.2.3 (go1.26.8, " + platform + ")"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			build := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: tc.module}, Settings: tc.settings}
			if got := buildinfo.From(build, tc.linked).String(); got != tc.want {
				t.Errorf("got %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestReadIsOfTheRunningProgram(t *testing.T) {
	info := buildinfo.Read("1.2.3")
	if info.Version != "1.2.3" || info.Go != runtime.Version() {
		t.Errorf("got %+v", info)
	}
}
