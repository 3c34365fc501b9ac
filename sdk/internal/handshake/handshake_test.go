package handshake_test

import (
	"errors"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

func TestParse(t *testing.T) {
	whole := handshake.Line{Core: 1, Major: 1, Network: "unix", Address: "/run/s", Protocol: "grpc", Certificate: "MIIB"}
	cases := []struct {
		name, text string
		want       handshake.Line
		err        error
	}{
		{"the line of a plugin", "1|1|unix|/run/s|grpc|MIIB\n", whole, nil},
		{"a line ended as on Windows", "1|1|unix|/run/s|grpc|MIIB\r\n", whole, nil},
		{"a field that go-plugin added later", "1|1|unix|/run/s|grpc|MIIB|true", whole, nil},
		{"no certificate", "1|1|tcp|127.0.0.1:1|grpc|", handshake.Line{Core: 1, Major: 1, Network: "tcp", Address: "127.0.0.1:1", Protocol: "grpc"}, nil},
		{"the shortest line of go-plugin", "1|1|tcp|127.0.0.1:1", handshake.Line{Core: 1, Major: 1, Network: "tcp", Address: "127.0.0.1:1"}, nil},
		{"too few fields", "1|1|unix", handshake.Line{}, handshake.ErrNoLine},
		{"a greeting", "Welcome to the shell!", handshake.Line{}, handshake.ErrNoLine},
		{"nothing", "", handshake.Line{}, handshake.ErrNoLine},
		{"a table that is not ours", "id|name|size|date", handshake.Line{}, handshake.ErrNoLine},
		{"a major that is no number", "1|one|unix|/run/s|grpc|", handshake.Line{}, handshake.ErrNoLine},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := handshake.Parse(c.text)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if got, err := handshake.Parse(whole.String()); err != nil || got != whole {
		t.Errorf("a line does not survive its own text: %+v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1|1|unix|/run/s|grpc|MIIB")
	f.Add("||||||||")
	f.Fuzz(func(t *testing.T, text string) {
		line, err := handshake.Parse(text)
		if err != nil {
			return
		}
		if again, err := handshake.Parse(line.String()); err != nil || again.Major != line.Major || again.Core != line.Core {
			t.Errorf("%q became %+v and then %+v, %v", text, line, again, err)
		}
	})
}
