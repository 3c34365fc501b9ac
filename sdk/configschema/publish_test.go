package configschema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/configschema"
)

func TestJSONSchemaSaysWhatTheSchemaSays(t *testing.T) {
	const want = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,"properties":{` +
		`"Host":{"type":"string","description":"where","examples":["a.example"]},` +
		`"Port":{"type":"integer","description":"port","default":389,"minimum":1,"maximum":65535},` +
		`"Wait":{"type":"string","format":"duration-text","description":"wait","default":"1m","x-minimum":"1s","x-maximum":"1h"},` +
		`"Back":{"type":["string","integer"],"format":"duration-text","description":"back"},` +
		`"Mode":{"type":"string","enum":["slow","fast"],"description":"mode","default":"slow"},` +
		`"Strict":{"type":"boolean","description":"strict"},` +
		`"Names":{"type":"array","items":{"type":"string"},"description":"names"},` +
		`"Pass":{"type":"string","writeOnly":true,"description":"password"},` +
		`"PassRef":{"type":"string","format":"secret-ref","description":"ref"},` +
		`"User":{"type":"string","description":"user"},` +
		`"Tls":{"type":"object","additionalProperties":false,"properties":{` +
		`"Ca":{"type":"string","description":"authorities"},"Depth":{"type":"integer","description":"depth","default":3}},"required":["Ca"],"description":"tls"},` +
		`"One":{"type":"string","description":"one"},"Two":{"type":"string","description":"two"}},` +
		`"required":["Host"],"dependentRequired":{"PassRef":["User"]},` +
		`"allOf":[{"oneOf":[{"required":["One"]},{"required":["Two"]}]}]}`
	if got := string(sample().JSONSchema()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, s := range []configschema.Schema{sample(), {}} {
		if !json.Valid(s.JSONSchema()) {
			t.Error("it is no JSON")
		}
	}
}

func TestTableHasARowForEveryKey(t *testing.T) {
	got := sample().Markdown()
	for _, row := range []string{
		"| `Host` | required | where. Example: `a.example` |\n",
		"| `Port` | `389` | port. From `1` to `65535` |\n",
		"| `Mode` | `slow` | mode. One of `slow`, `fast` |\n",
		"| `Pass` |  | password. Formerly `Password` |\n",
		"| `PassRef` |  | ref. Only with `User` |\n",
		"| `User` |  | user. Required with `PassRef` |\n",
		"| `Tls:Ca` | required | authorities |\n",
		"\nExactly one of `One`, `Two` is required.\n",
	} {
		if !strings.Contains(got, row) {
			t.Errorf("it lacks %q:\n%s", row, got)
		}
	}
	piped := configschema.Schema{Fields: []configschema.Field{{Key: "Filter", Type: configschema.Text, About: "a | b", Default: "(|(a))"}}}
	if got := piped.Markdown(); !strings.Contains(got, "| `Filter` | `(\\|(a))` | a \\| b |\n") {
		t.Errorf("a bar breaks the row: %s", got)
	}
}
