// Package buildinfo says which build of a program is running: its version, the
// commit it was built from and when that was made, and for what it was built.
//
// The go command puts all of that but the version of an unreleased tree into the
// binary by itself. What is done with it is the program's concern. Start reading
// at [Read].
package buildinfo

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"
)

// Unreleased is the version of a build that nobody gave one.
const Unreleased = "0.0.0-devel"

// commitDigits is how much of a commit's hash is shown.
const commitDigits = 12

// Info is where a binary comes from.
type Info struct {
	// Version is a semantic version without a leading v.
	Version string
	// Commit is the abbreviated hash of the commit, with "-dirty" behind it when
	// the files were not exactly those of the commit. It is empty when the build
	// did not know one: outside of a repository, or from a module proxy.
	Commit string
	// Date is when the commit was made, in RFC 3339 and UTC; empty like Commit. It
	// is not the time of the build, so that the same source gives the same binary.
	Date string
	// Go is the version of the compiler, as in go1.26.8.
	Go string
	// Platform is as in linux/amd64.
	Platform string
}

// Read returns where the running program comes from. version is what the linker
// set (-ldflags "-X main.version=1.2.3"); when it is empty, the version of the
// main module counts, which "go install module@version" sets, or [Unreleased].
func Read(version string) Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	return From(build, version)
}

// From returns what build says; version is as for [Read].
func From(build *debug.BuildInfo, version string) Info {
	module := strings.TrimPrefix(build.Main.Version, "v")
	if module == "(devel)" {
		module = ""
	}
	info := Info{
		Version:  cmp.Or(version, module, Unreleased),
		Go:       cmp.Or(build.GoVersion, runtime.Version()),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	dirty := ""
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value[:min(commitDigits, len(s.Value))]
		case "vcs.time":
			info.Date = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "-dirty"
			}
		}
	}
	if info.Commit != "" {
		info.Commit += dirty
	}
	return info
}

// String returns the line that --version prints behind the program's name, as in
// "1.2.3 (commit 583a1923d63e, 2026-11-22T20:15:00Z, go1.26.8, linux/amd64)". What
// is not known is left out.
func (i Info) String() string {
	var parts []string
	if i.Commit != "" {
		parts = append(parts, "commit "+i.Commit)
	}
	if i.Date != "" {
		parts = append(parts, i.Date)
	}
	return i.Version + " (" + strings.Join(append(parts, i.Go, i.Platform), ", ") + ")"
}
