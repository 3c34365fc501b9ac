package secret_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestParseRef(t *testing.T) {
	longest := strings.Repeat("é", secret.MaxRefBytes/2)
	tests := []struct {
		name, text, problem string
	}{
		{"the usual form", "secret://ad/svc/password", ""},
		{"blanks and case are kept", " Secret With Blanks ", ""},
		{"other scripts", "secret://人事/пароль", ""},
		{"the longest", longest, ""},
		{"one byte too long", longest + "x", "4097 bytes, the limit is 4096"},
		{"nothing", "", "empty"},
		{"bytes that are no UTF-8", "secret://\xff", "UTF-8"},
		{"a line feed", "secret://a\nb", "control character"},
		{"a NUL", "secret://a\x00", "control character"},
		{"a C1 control", "secret://a\u0085", "control character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref, err := secret.ParseRef(tt.text)
			if tt.problem == "" {
				if err != nil || ref.String() != tt.text {
					t.Errorf("got %q, %v; want the text unchanged", ref, err)
				}
				return
			}
			if !errors.Is(err, secret.ErrInvalidRef) || !strings.Contains(err.Error(), tt.problem) || ref != "" {
				t.Errorf("got %q, %v; want an error with %q", ref, err, tt.problem)
			}
		})
	}
}

func TestParseConfigRefTakesOnlyReferencesAndNeverRepeatsTheText(t *testing.T) {
	if ref, err := secret.ParseConfigRef("secret://ad/svc/password"); err != nil || ref != "secret://ad/svc/password" {
		t.Errorf("got %q, %v", ref, err)
	}
	for _, text := range []string{canary, "", "secret://", "SECRET://" + canary, " secret://" + canary, "{{secret:" + canary + "}}",
		"secret://" + canary + "\n", "secret://" + canary + strings.Repeat("x", secret.MaxRefBytes)} {
		ref, err := secret.ParseConfigRef(text)
		if !errors.Is(err, secret.ErrInvalidRef) || ref != "" {
			t.Errorf("%q gave %q, %v", text, ref, err)
			continue
		}
		assertHidden(t, err.Error())
	}
}
