package appsettings_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
)

func TestHeadsOfTheAuditLogNeedAKeyAndAnAddressThatNobodyCanReadAlong(t *testing.T) {
	s, folder := mustLoad(t, base(`{"Audit": {"Head": {"File": "heads.jsonl", "Url": "https://log.example.net/canary-7", "KeyFile": "head.key", "Interval": "12:00:00"}}}`))
	h := s.Audit.Head
	if h.File != filepath.Join(folder, "heads.jsonl") || h.KeyFile != filepath.Join(folder, "head.key") || h.Interval != 12*time.Hour ||
		string(h.URL.Reveal()) != "https://log.example.net/canary-7" {
		t.Errorf("got %+v", h)
	}
	if s, _ := mustLoad(t, base(`{}`)); s.Audit.Head.Interval != 24*time.Hour || s.Product.Retention.ObjectAuditDays != 400 || s.Product.Retention.AuditDays != 0 {
		t.Errorf("the defaults are %+v, %+v", s.Audit, s.Product.Retention)
	}
	for name, c := range map[string]struct{ settings, at string }{
		"a file without a key":      {`{"File": "x"}`, "Audit:Head:KeyFile"},
		"an address without a key":  {`{"Url": "https://x.example/canary-7"}`, "Audit:Head:KeyFile"},
		"an address without TLS":    {`{"Url": "http://x.example/canary-7", "KeyFile": "k"}`, "Audit:Head:Url"},
		"an address with a user":    {`{"Url": "https://canary-7:p@x.example/", "KeyFile": "k"}`, "Audit:Head:Url"},
		"an address without a host": {`{"Url": "https:///canary-7", "KeyFile": "k"}`, "Audit:Head:Url"},
		"an hour without a unit":    {`{"Interval": 24}`, "Audit:Head:Interval"},
	} {
		_, problems, _ := load(t, base(`{"Audit": {"Head": `+c.settings+`}}`))
		if errs := diag.List(problems).Errors(); len(errs) != 1 || errs[0].Path != c.at || strings.Contains(errs[0].String(), "canary-7") {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
