package release

// Past is a release that was made.
type Past struct {
	// Version is without a leading v.
	Version string
	// Commit is the whole hash of the commit that was released. Each module's tag
	// of that version, such as sdk/v0.1.0, points to it.
	Commit string
}

// Releases returns what was released, the newest last. It stands here beside the
// tags, because a clone may have the history without them.
func Releases() []Past {
	return []Past{
		{Version: "0.1.0", Commit: "583a1923d63edd5b31ad880b0b4d475cae2b9999"},
	}
}

// Last returns the newest release: the one that today's source must get along
// with.
func Last() Past {
	all := Releases()
	return all[len(all)-1]
}
