package keyfile

// Error is a host key that cannot be used as it is. Its text names the path,
// and the mode and owners where they are the reason. It never holds a part of
// the key.
type Error struct {
	Path    string
	Problem string
	// Damaged is true when the file was readable and its content is not a key;
	// otherwise access to it, or the place itself, is the problem.
	Damaged bool
	// Wrapping is true when the key that wraps the file is the matter: its source
	// is not configured, not to be had, or another one.
	Wrapping bool
	Err      error
}

// Error returns the text.
func (e *Error) Error() string {
	text := "host key " + e.Path + " " + e.Problem
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the error of the operating system, if there is one.
func (e *Error) Unwrap() error { return e.Err }
