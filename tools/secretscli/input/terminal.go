package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

// MaxTyped is the longest value that a prompt takes, in bytes. Systems drop in
// silence what exceeds their longest line: 1,024 bytes on some, 4,096 on Linux
// (MAX_CANON in POSIX, N_TTY_BUF_SIZE there).
const MaxTyped = 1000

// IsTerminal reports whether somebody sits before in.
func IsTerminal(in *os.File) bool { return term.IsTerminal(int(in.Fd())) }

// Prompt asks at the terminal in for the value of what, twice and without echo.
// The caller wipes the value.
func Prompt(ctx context.Context, in *os.File, out io.Writer, what string) (secret.Value, error) {
	first, err := hidden(ctx, in, out, "Value of "+what+": ")
	if err != nil {
		return secret.Value{}, err
	}
	second, err := hidden(ctx, in, out, "The same again: ")
	defer clear(second)
	if err == nil && !bytes.Equal(first, second) {
		err = outcome.Usagef("the two entries differ; nothing was stored")
	}
	if err != nil {
		clear(first)
		return secret.Value{}, err
	}
	return secret.NewValue(first), nil
}

// hidden reads one line without echo. Whatever happens, the terminal shows again
// what is typed afterwards.
func hidden(ctx context.Context, in *os.File, out io.Writer, question string) ([]byte, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("prompt for the value: %w", err)
	}
	fmt.Fprint(out, question)
	line, err := until(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	fmt.Fprintln(out)
	if ctx.Err() != nil {
		_ = term.Restore(fd, before)
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, outcome.Usagef("no value was typed; nothing was stored")
	case err != nil:
		clear(line)
		return nil, fmt.Errorf("prompt for the value: %w", err)
	case len(line) > MaxTyped:
		clear(line)
		return nil, outcome.Usagef("a prompt takes at most %d bytes, because terminals cut longer lines in silence; use --file or --stdin", MaxTyped)
	}
	return line, nil
}

// Confirm asks a question at the terminal in and reports whether the answer was
// yes.
func Confirm(ctx context.Context, in *os.File, out io.Writer, question string) (bool, error) {
	fmt.Fprint(out, question+" Type yes to go on: ")
	answer, err := until(ctx, func() (string, error) { return line(in) })
	if err != nil {
		return false, fmt.Errorf("ask for confirmation: %w", err)
	}
	return strings.EqualFold(strings.TrimSpace(answer), "yes"), nil
}

// line reads up to a line break or the end.
func line(in io.Reader) (string, error) {
	const longest = 100
	var text []byte
	for one := make([]byte, 1); len(text) < longest; {
		n, err := in.Read(one)
		if n == 1 && one[0] != '\n' {
			text = append(text, one[0])
			continue
		}
		if n == 1 || err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	return string(text), nil
}
