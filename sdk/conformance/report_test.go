package conformance_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/conformance"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

func TestLevelIsTheHighestOfWhichAndBelowWhichNothingFailed(t *testing.T) {
	result := func(level conformance.Level, verdict conformance.Verdict) conformance.Result {
		return conformance.Result{Level: level, Verdict: verdict}
	}
	pass := []conformance.Result{
		result(conformance.None, conformance.Pass), result(conformance.Core, conformance.Pass),
		result(conformance.Writer, conformance.Pass), result(conformance.Versioned, conformance.Pass),
	}
	writer, versioned := facade.Capabilities{facade.Write}, facade.Capabilities{facade.Write, facade.Versions}
	unmet := result(conformance.Core, conformance.Skip)
	unmet.Unmet = true
	for name, test := range map[string]struct {
		claims facade.Capabilities
		more   []conformance.Result
		want   conformance.Level
	}{
		"all passes and all is claimed":       {versioned, nil, conformance.Versioned},
		"no versions are claimed":             {writer, nil, conformance.Writer},
		"nothing is claimed":                  {nil, nil, conformance.Core},
		"versions are claimed without writes": {facade.Capabilities{facade.Versions}, nil, conformance.Core},
		"a case of versions fails":            {versioned, []conformance.Result{result(conformance.Versioned, conformance.Fail)}, conformance.Writer},
		"a case of writing fails":             {versioned, []conformance.Result{result(conformance.Writer, conformance.Fail)}, conformance.Core},
		"a case of the core fails":            {versioned, []conformance.Result{result(conformance.Core, conformance.Fail)}, conformance.None},
		"advice is not taken":                 {versioned, []conformance.Result{result(conformance.None, conformance.Fail)}, conformance.Versioned},
		"a case does not concern it":          {versioned, []conformance.Result{result(conformance.Core, conformance.Skip)}, conformance.Versioned},
		"a case could not be tried":           {versioned, []conformance.Result{unmet}, conformance.None},
	} {
		t.Run(name, func(t *testing.T) {
			r := conformance.Report{Plugin: facade.Info{Capabilities: test.claims}, Results: append(pass[:4:4], test.more...)}
			if got := r.Level(); got != test.want {
				t.Errorf("the level is %s, not %s", got, test.want)
			}
		})
	}
	if got := (conformance.Report{}).Level(); got != conformance.None {
		t.Errorf("a report of nothing has the level %s", got)
	}
}

func TestReportForPeopleAndForPrograms(t *testing.T) {
	r := conformance.Report{
		Binary: "/opt/acme", SHA256: "ab12", Plugin: facade.Info{Name: "acme", Version: "1.2.3", Major: 1, Minor: 1, Capabilities: facade.Capabilities{facade.Write}},
		Results: []conformance.Result{
			{Case: "good-rule", Spec: "docs/spec/value.md#good-rule", Level: conformance.Core, Verdict: conformance.Pass, Duration: time.Second},
			{Case: "bad-rule", Spec: "docs/spec/write.md#bad-rule", Level: conformance.Writer, Verdict: conformance.Fail, Why: "expected this\nand that"},
			{Case: "other-rule", Spec: "docs/spec/write.md#other-rule", Verdict: conformance.Skip, Why: "it is not claimed"},
		},
		Leftovers: []string{"secret://left"},
	}
	var text strings.Builder
	if err := r.Write(&text, false); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"acme 1.2.3 (contract 1.1) at /opt/acme\nSHA-256 ab12\nclaims WRITE",
		"FAIL  bad-rule (writer)\n      expected this\n      and that\n      docs/spec/write.md#bad-rule\n",
		"SKIP  other-rule (advice)\n      it is not claimed\n", `LEFT  "secret://left"`, "1 passed, 1 failed, 1 skipped; level reached: core\n",
	} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the text lacks %q:\n%s", part, text.String())
		}
	}
	if strings.Contains(text.String(), "good-rule") {
		t.Error("what passed is listed though it was not asked for")
	}
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"format":1,"binary":"/opt/acme","sha256":"ab12","level":"core",` +
		`"plugin":{"name":"acme","version":"1.2.3","contract":"1.1","capabilities":["WRITE"],"max_value_bytes":0,"max_ref_bytes":0},` +
		`"counts":{"fail":1,"pass":1,"skip":1},"results":[` +
		`{"case":"good-rule","level":"core","verdict":"pass","spec":"docs/spec/value.md#good-rule","duration_ms":1000},` +
		`{"case":"bad-rule","level":"writer","verdict":"fail","why":"expected this\nand that","spec":"docs/spec/write.md#bad-rule","duration_ms":0},` +
		`{"case":"other-rule","level":"none","verdict":"skip","why":"it is not claimed","spec":"docs/spec/write.md#other-rule","duration_ms":0}],` +
		`"leftovers":["secret://left"]}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func TestLevelsAreReadByTheirNames(t *testing.T) {
	for _, l := range []conformance.Level{conformance.None, conformance.Core, conformance.Writer, conformance.Versioned} {
		if got, err := conformance.ParseLevel(strings.ToUpper(l.String())); err != nil || got != l {
			t.Errorf("%s is read as %s, %v", l, got, err)
		}
	}
	if _, err := conformance.ParseLevel("perfect"); err == nil || !strings.Contains(err.Error(), "versioned") {
		t.Errorf("got %v", err)
	}
}
