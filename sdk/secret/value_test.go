package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

const canary = "Canary-9f2c!"

// forms are the ways in which printing could show the canary.
func forms() []string {
	raw := []byte(canary)
	return []string{
		canary, fmt.Sprintf("%x", raw), fmt.Sprintf("%X", raw), strings.Trim(fmt.Sprint(raw), "[]"),
		fmt.Sprintf("% x", raw), strings.Trim(fmt.Sprintf("%#v", raw), "[]byte{}"), "Q2FuYXJ5LTlmMmMh", // Base64
		strings.Trim(fmt.Sprintf("%o", raw), "[]"), strings.Trim(fmt.Sprintf("%b", raw), "[]"),
	}
}

func assertHidden(t *testing.T, printed string) {
	t.Helper()
	for _, form := range forms() {
		if strings.Contains(printed, form) {
			t.Errorf("the value was printed as %q in %q", form, printed)
		}
	}
}

type exported struct{ Password secret.Value }
type hidden struct{ password secret.Value }

// holders are the places a value ends up in, each with the canary inside.
func holders() map[string]any {
	v := secret.NewValue([]byte(canary))
	return map[string]any{
		"the value":                    v,
		"a pointer to it":              &v,
		"an exported field":            exported{v},
		"a pointer to a struct":        &exported{v},
		"an unexported field":          hidden{v},
		"a pointer to a hidden field":  &hidden{v},
		"a slice":                      []secret.Value{v},
		"an array of pointers":         [1]*secret.Value{&v},
		"a map":                        map[string]secret.Value{"k": v},
		"a map of structs":             map[string]hidden{"k": {v}},
		"an interface in a slice":      []any{v, &v},
		"a secret with its metadata":   secret.Secret{Metadata: secret.Metadata{Ref: "r"}, Value: v},
		"a pointer to a secret":        &secret.Secret{Value: v},
		"a wrapped error":              fmt.Errorf("outer: %w", fmt.Errorf("set failed with %v and %s", v, &v)),
		"an error that has it":         errors.Join(fmt.Errorf("%+v", exported{v}), fmt.Errorf("%x", v)),
		"a struct inside a struct":     struct{ Inner hidden }{hidden{v}},
		"a pointer in a hidden struct": struct{ inner *hidden }{&hidden{v}},
	}
}

func TestNoVerbPrintsAValue(t *testing.T) {
	for name, holder := range holders() {
		for _, verb := range strings.Fields("v +v #v s q x X #x d t T p b c o U e g 10s -10v .3s +q #q 08d") {
			t.Run(name+" with %"+verb, func(t *testing.T) {
				assertHidden(t, fmt.Sprintf("%"+verb, holder))
			})
		}
		t.Run(name+" with Print and Println", func(t *testing.T) {
			assertHidden(t, fmt.Sprint(holder)+fmt.Sprintln(holder))
		})
	}
}

func TestEveryFormatOfTheValueItselfIsTheSame(t *testing.T) {
	v := secret.NewValue([]byte(canary))
	for _, other := range []secret.Value{v, secret.NewValue(nil), {}} {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d") {
			if got := fmt.Sprintf(verb, other); got != "[secret]" {
				t.Errorf("%s printed %q, which tells values apart", verb, got)
			}
		}
		if other.String() != "[secret]" || other.GoString() != "[secret]" {
			t.Errorf("String %q, GoString %q", other.String(), other.GoString())
		}
	}
}

func TestEncodersAndLoggersDoNotPrintAValue(t *testing.T) {
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if data, err := json.Marshal(holder); err == nil {
				out.Write(data)
			}
			if data, err := json.MarshalIndent(map[string]any{"v": holder}, "", " "); err == nil {
				out.Write(data)
			}
			for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
				log := slog.New(h)
				log.Info("plain", "key", holder)
				log.With("key", holder).WithGroup("group").Info("grouped", slog.Group("inner", slog.Any("key", holder)))
			}
			assertHidden(t, out.String())
			if !strings.Contains(out.String(), "msg=plain") {
				t.Error("nothing was logged, so nothing was tested")
			}
		})
	}
}

func TestAValueAsKeyOfAMapIsHidden(t *testing.T) {
	data, err := json.Marshal(map[secret.Value]int{secret.NewValue([]byte(canary)): 1})
	if err != nil || string(data) != `{"[secret]":1}` {
		t.Errorf("got %s, %v", data, err)
	}
}

func TestRevealGivesTheBytesThemselves(t *testing.T) {
	for _, content := range []string{canary, "", "\x00\xff", strings.Repeat("x", secret.MaxValueBytes)} {
		v := secret.NewValue([]byte(content))
		if string(v.Reveal()) != content || v.IsZero() {
			t.Errorf("%d bytes came back as %d, zero %v", len(content), len(v.Reveal()), v.IsZero())
		}
	}
	var none secret.Value
	if none.Reveal() != nil || !none.IsZero() {
		t.Error("the zero value has content")
	}
}

func TestWipeClearsTheBytesAndEveryCopy(t *testing.T) {
	raw := []byte(canary)
	v := secret.NewValue(raw)
	c := v
	v.Wipe()
	if !bytes.Equal(raw, make([]byte, len(canary))) {
		t.Errorf("the bytes are still there: %q", raw)
	}
	if len(c.Reveal()) != 0 || len(v.Reveal()) != 0 || v.IsZero() {
		t.Error("a copy still reveals bytes")
	}
	v.Wipe()
	secret.Value{}.Wipe()
}

func TestACloneIsWipedOnItsOwn(t *testing.T) {
	v := secret.NewValue([]byte(canary))
	c := v.Clone()
	v.Wipe()
	if string(c.Reveal()) != canary {
		t.Error("wiping the original wiped the clone")
	}
	if !(secret.Value{}).Clone().IsZero() {
		t.Error("the clone of no value is a value")
	}
	if secret.NewValue([]byte{}).Clone().IsZero() {
		t.Error("the clone of an empty value is no value")
	}
}
