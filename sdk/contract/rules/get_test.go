package rules_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const asked = "secret://ad/svc/password"

func ordinary() *secret.Metadata {
	return &secret.Metadata{Ref: asked, Name: naming.Name(asked), Version: "17", Tags: map[string]string{"team": "directory"}}
}

// Every secret that is read passes here.
func TestCheckingWhatWasReadAllocatesNothing(t *testing.T) {
	m, value := ordinary(), []byte("v")
	if n := testing.AllocsPerRun(100, func() {
		if r := rules.Get(m, value, asked, secret.Current); r != rules.None {
			t.Fatal(r)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGet(b *testing.B) {
	m, value := ordinary(), []byte("v")
	for b.Loop() {
		rules.Get(m, value, asked, secret.Current)
	}
}
