package input_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/input"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func TestRead(t *testing.T) {
	largest := strings.Repeat("x", secret.MaxValueBytes)
	for name, c := range map[string]struct {
		in   string
		keep bool
		want string
		cut  bool
	}{
		"a line break at the end does not count": {in: "pw\n", want: "pw", cut: true},
		"nor does one of Windows":                {in: "pw\r\n", want: "pw", cut: true},
		"only one is taken away":                 {in: "pw\n\n", want: "pw\n", cut: true},
		"line breaks inside stay":                {in: "a\nb", want: "a\nb"},
		"a carriage return alone stays":          {in: "pw\r", want: "pw\r"},
		"blanks stay":                            {in: " pw \n", want: " pw ", cut: true},
		"a line break stays when asked for":      {in: "pw\r\n", keep: true, want: "pw\r\n"},
		"any bytes are a value":                  {in: "\x00\xff\n", keep: true, want: "\x00\xff\n"},
		"nothing is an empty value":              {in: "", want: ""},
		"a line break alone is an empty value":   {in: "\n", want: "", cut: true},
		"the largest value and a line break":     {in: largest + "\r\n", want: largest, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "value")
			if err := os.WriteFile(path, []byte(c.in), 0o600); err != nil {
				t.Fatal(err)
			}
			fromReader, cutReader, err := input.Read(t.Context(), strings.NewReader(c.in), c.keep)
			if err != nil {
				t.Fatal(err)
			}
			fromFile, cutFile, err := input.File(t.Context(), path, c.keep)
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range []secret.Value{fromReader, fromFile} {
				if string(got.Reveal()) != c.want {
					t.Errorf("got %d bytes, want %d", len(got.Reveal()), len(c.want))
				}
			}
			if cutReader != c.cut || cutFile != c.cut {
				t.Errorf("cut %v and %v, want %v", cutReader, cutFile, c.cut)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	tooLarge := strings.Repeat("x", secret.MaxValueBytes+1)
	var usage *outcome.UsageError
	for _, in := range []string{tooLarge, tooLarge + "\n", tooLarge + tooLarge} {
		if _, _, err := input.Read(t.Context(), strings.NewReader(in), false); !errors.As(err, &usage) || strings.Contains(err.Error(), "xx") {
			t.Errorf("%d bytes: %v", len(in), err)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		if _, _, err := input.File(t.Context(), path, false); !errors.As(err, &usage) || !strings.Contains(err.Error(), path) {
			t.Errorf("file %s: %v", path, err)
		}
	}
}

func TestReadThatNeverEndsIsGivenUp(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := input.Read(ctx, r, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := input.Lines(ctx, r, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestLines(t *testing.T) {
	got, err := input.Lines(t.Context(), strings.NewReader("a\r\n b\n\n"+strings.Repeat("c", 10)), 10)
	if want := "a| b||cccccccccc"; err != nil || strings.Join(got, "|") != want {
		t.Errorf("got %q, %v", got, err)
	}
	_, err = input.Lines(t.Context(), strings.NewReader("a\n"+strings.Repeat("c", 14)+"\n"), 10)
	if err == nil || !strings.Contains(err.Error(), "line 2 is longer than 10 bytes") || outcome.Code(err) != outcome.Usage {
		t.Errorf("got %v", err)
	}
}
