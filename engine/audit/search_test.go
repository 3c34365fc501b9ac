package audit_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

func TestRecordsAreFound(t *testing.T) {
	log, _ := open(t, filepath.Join(t.TempDir(), "db"))
	for i, e := range []audit.Entry{
		{Actor: "token ann", Action: "secrets.set", Target: "secret://ad/a%"},
		{Actor: "token bob", Action: "secrets.set", Target: "secret://\U0001F511/b"},
		{Actor: "token ann", Action: "runs.start", Target: "connectors/1"},
	} {
		op, err := log.Begin(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		var failure error
		if i == 1 {
			failure = fault.New(fault.Timeout, fault.SourceBackend, "slow")
		}
		if err := op.End(t.Context(), failure, ""); err != nil {
			t.Fatal(err)
		}
	}
	at := func(second int) time.Time { return time.Date(2026, 11, 23, 1, 2, 3+second, 456789000, time.UTC) }
	for name, c := range map[string]struct {
		filter audit.Filter
		limit  int
		want   string
	}{
		"all, the newest first":              {audit.Filter{}, 100, "[6 5 4 3 2 1]"},
		"no more than asked for":             {audit.Filter{}, 2, "[6 5]"},
		"the page behind":                    {audit.Filter{After: 5}, 2, "[4 3]"},
		"all, the oldest first":              {audit.Filter{OldestFirst: true}, 3, "[1 2 3]"},
		"the page behind, turned round":      {audit.Filter{OldestFirst: true, After: 3}, 2, "[4 5]"},
		"by target, turned round":            {audit.Filter{OldestFirst: true, TargetPrefix: "secret://", After: 1}, 2, "[2 3]"},
		"by outcome, turned round":           {audit.Filter{OldestFirst: true, Outcome: "OK"}, 100, "[2 6]"},
		"by actor":                           {audit.Filter{Actor: "token bob"}, 100, "[4 3]"},
		"by action":                          {audit.Filter{Action: "runs.start"}, 100, "[6 5]"},
		"by outcome":                         {audit.Filter{Outcome: "TIMEOUT"}, 100, "[4]"},
		"by the beginning of the target":     {audit.Filter{TargetPrefix: "secret://"}, 100, "[4 3 2 1]"},
		"a beginning of more than one plane": {audit.Filter{TargetPrefix: "secret://\U0001F511/"}, 100, "[4 3]"},
		"a beginning is no pattern":          {audit.Filter{TargetPrefix: "secret://%"}, 100, "[]"},
		"a beginning in another case":        {audit.Filter{TargetPrefix: "SECRET://"}, 100, "[]"},
		"a target longer than any":           {audit.Filter{TargetPrefix: "connectors/11"}, 100, "[]"},
		"from a time on":                     {audit.Filter{From: at(5)}, 100, "[6 5]"},
		"before a time":                      {audit.Filter{To: at(2)}, 100, "[1]"},
		"between two":                        {audit.Filter{From: at(2).In(time.FixedZone("", 7200)), To: at(4)}, 100, "[3 2]"},
		"all at once":                        {audit.Filter{Actor: "token ann", Action: "secrets.set", Outcome: "OK", TargetPrefix: "secret://ad/a%", From: at(1), To: at(9), After: 9}, 100, "[2]"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := log.Search(t.Context(), c.filter, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			got := []int64{}
			for _, r := range list {
				got = append(got, r.Seq)
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}
