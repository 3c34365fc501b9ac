package smoke

import (
	"testing"

	"github.com/identitymesh/identitymesh/build/demo/client"
)

func TestBringsTellsEveryDeviation(t *testing.T) {
	run := func(kind, status string, c client.Counts) client.Run {
		return client.Run{ConnectorName: "HR", Kind: kind, Status: status, Counts: c, Reason: "X", Error: "no way"}
	}
	tests := map[string]struct {
		run  client.Run
		want client.Counts
		err  string
	}{
		"a full import that adds all":           {run("full", "Succeeded", client.Counts{Added: 1000}), client.Counts{Added: 1000}, ""},
		"a full import that finds nothing new":  {run("full", "Succeeded", client.Counts{Unchanged: 1000}), client.Counts{}, ""},
		"a delta may read some again":           {run("delta", "Succeeded", client.Counts{Updated: 10, Unchanged: 13}), client.Counts{Updated: 10}, ""},
		"a full import must read everybody":     {run("full", "Succeeded", client.Counts{Unchanged: 999}), client.Counts{}, "expected the counts of the full run of HR to be {Added:0 Updated:0 Unchanged:1000 Absent:0 Failed:0}, found {Added:0 Updated:0 Unchanged:999 Absent:0 Failed:0}"},
		"a delta must not miss one":             {run("delta", "Succeeded", client.Counts{Updated: 9}), client.Counts{Updated: 10}, "expected the counts of the delta run of HR to be {Added:0 Updated:10 Unchanged:0 Absent:0 Failed:0}, found {Added:0 Updated:9 Unchanged:0 Absent:0 Failed:0}"},
		"a run that failed brings nothing good": {run("delta", "Failed", client.Counts{}), client.Counts{}, "expected a run that succeeds, found: the delta run of HR Failed: X: no way"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := brings(tc.run, tc.want); err != nil {
				got = err.Error()
			}
			if got != tc.err {
				t.Errorf("got %q, want %q", got, tc.err)
			}
		})
	}
}
