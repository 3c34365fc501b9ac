// Package signing signs files with a command that whoever releases gives: it
// knows no keys and no formats. Start reading at [Hook].
package signing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
)

// Hook is a command line that signs one file, such as
//
//	osslsigncode sign -h sha256 -certs cert.pem -key key.pem -in {in} -out {out}
//
// Its words are separated by blanks and no shell reads them; what takes more goes
// into a script. The empty hook signs nothing. A password belongs into a file or
// a device that the command opens, not onto the line.
type Hook string

// The places of the file to read and of the signed one to write.
const (
	in  = "{in}"
	out = "{out}"
)

// Check returns an error unless both places are named.
func (h Hook) Check() error {
	if h != "" && !(strings.Contains(string(h), in) && strings.Contains(string(h), out)) {
		return fmt.Errorf("the command that signs has to name %s and %s: %q", in, out, string(h))
	}
	return nil
}

// Sign replaces the file by its signed form. The file keeps its mode.
func (h Hook) Sign(ctx context.Context, file string) error {
	if h == "" {
		return nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	signed := file + ".signed"
	if err := h.To(ctx, file, signed); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(signed, info.Mode().Perm()), os.Rename(signed, file)); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	return nil
}

// To writes what the command makes of the file to another one, as with a
// signature that stands beside what it is about.
func (h Hook) To(ctx context.Context, file, result string) error {
	if h == "" {
		return nil
	}
	if err := h.Check(); err != nil {
		return err
	}
	// An old result would be taken for the new one.
	if err := os.Remove(result); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("sign: %w", err)
	}
	args := strings.Fields(string(h))
	for i := range args {
		args[i] = strings.NewReplacer(in, file, out, result).Replace(args[i])
	}
	if _, err := command.Run(ctx, command.Spec{Args: args}); err != nil {
		return fmt.Errorf("sign %s: %w", file, err)
	}
	if _, err := os.Stat(result); err != nil {
		return fmt.Errorf("sign %s: the command ended well and wrote nothing: %w", file, err)
	}
	return nil
}
