package protector

// KeyError is a host key that cannot be used as it is. Its text names the path,
// and the mode and owners where they are the reason. It never holds a part of
// the key.
type KeyError struct {
	Path    string
	Problem string
	// Damaged is true when the file was readable and its content is not a key;
	// otherwise access to it, or the place itself, is the problem.
	Damaged bool
	Err     error
}

// Error returns the text.
func (e *KeyError) Error() string {
	text := "host key " + e.Path + " " + e.Problem
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the error of the operating system, if there is one.
func (e *KeyError) Unwrap() error { return e.Err }
