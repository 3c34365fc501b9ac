// Package input gets the value of a secret from where it may come from: a prompt
// without echo, the standard input, or a file. It also asks for confirmations.
//
// No error of this package repeats anything that was read. Start reading at
// [Prompt] and [Read].
package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

// Read returns everything that r has. One line break at the very end is taken
// away unless keep is true, because echo and editors add one that nobody means;
// cut tells whether there was one. The caller wipes the value.
func Read(ctx context.Context, r io.Reader, keep bool) (value secret.Value, cut bool, err error) {
	bytes, err := until(ctx, func() ([]byte, error) { return all(r) })
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return value, false, fmt.Errorf("read the value: it did not arrive in time: %w", err)
	case err != nil:
		return value, false, fmt.Errorf("read the value: %w", err)
	}
	return valueOf(bytes, keep)
}

// File is [Read] for the file at path, which may also be a pipe.
func File(ctx context.Context, path string, keep bool) (value secret.Value, cut bool, err error) {
	bytes, err := until(ctx, func() ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read from
		return all(f)
	})
	switch {
	case ctx.Err() != nil:
		return value, false, fmt.Errorf("read the value from %s: %w", path, err)
	case err != nil:
		return value, false, outcome.Usagef("read the value: %v", err)
	}
	return valueOf(bytes, keep)
}

// all reads into a buffer of full size at once: one that grows leaves copies
// behind that nobody can wipe. Beyond the largest value it has room for a line
// break, and to see that there is too much.
func all(r io.Reader) ([]byte, error) {
	buffer := make([]byte, secret.MaxValueBytes+len("\r\n")+1)
	n, err := io.ReadFull(r, buffer)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return buffer[:n], nil
	}
	clear(buffer)
	return nil, err
}

func valueOf(bytes []byte, keep bool) (secret.Value, bool, error) {
	cut := false
	if !keep {
		bytes, cut = withoutLineBreak(bytes)
	}
	if len(bytes) > secret.MaxValueBytes {
		clear(bytes)
		return secret.Value{}, false, outcome.Usagef("the value is larger than %d bytes, which no store takes", secret.MaxValueBytes)
	}
	return secret.NewValue(bytes), cut, nil
}

func withoutLineBreak(value []byte) ([]byte, bool) {
	if rest, ok := bytes.CutSuffix(value, []byte("\r\n")); ok {
		return rest, true
	}
	return bytes.CutSuffix(value, []byte("\n"))
}

// until returns what do returns, or gives up when ctx ends. A read from a
// terminal or a pipe cannot be broken off, so it is left behind then; the process
// is about to end.
func until[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}
