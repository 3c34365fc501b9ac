package secret

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// Scheme begins the refs that the product's own configuration uses.
	Scheme = "secret://"
	// MaxRefBytes is the longest ref, in bytes of UTF-8.
	MaxRefBytes = 4096
)

// Ref names a secret, for example secret://ad/svc/password. It is not secret
// itself: refs stand in configuration, logs and audit records.
//
// Two refs are the same only when their bytes are the same.
type Ref string

// ErrInvalidRef is wrapped by every error of [ParseRef] and [ParseConfigRef].
var ErrInvalidRef = errors.New("invalid secret reference")

// ParseRef checks that text can name a secret: it is not empty, valid UTF-8, at
// most [MaxRefBytes] long and has no control characters. It changes nothing in
// the text. The error wraps [ErrInvalidRef].
func ParseRef(text string) (Ref, error) {
	switch {
	case text == "":
		return "", fmt.Errorf("%w: it is empty", ErrInvalidRef)
	case len(text) > MaxRefBytes:
		return "", fmt.Errorf("%w: it has %d bytes, the limit is %d", ErrInvalidRef, len(text), MaxRefBytes)
	case !utf8.ValidString(text):
		return "", fmt.Errorf("%w: it is not valid UTF-8", ErrInvalidRef)
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", fmt.Errorf("%w: it contains a control character", ErrInvalidRef)
	}
	return Ref(text), nil
}

// ParseConfigRef is [ParseRef] for text that a person typed into a connector's
// configuration, where only refs that begin with [Scheme] are taken. The error
// never repeats the text, because people do put the password itself there.
func ParseConfigRef(text string) (Ref, error) {
	if !strings.HasPrefix(text, Scheme) || len(text) == len(Scheme) {
		return "", fmt.Errorf("%w: expected a reference such as %sad/svc/password; "+
			"the text found is not repeated here in case it is the secret itself", ErrInvalidRef, Scheme)
	}
	return ParseRef(text)
}

// String returns the ref as it was given.
func (r Ref) String() string { return string(r) }
