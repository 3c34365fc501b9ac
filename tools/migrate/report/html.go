package report

import (
	"embed"
	"html/template"
	"io"
	"time"

	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
)

//go:embed report.html
var page embed.FS

// HTML writes the report as one page for people: without a script, without anything
// from elsewhere, fit for printing.
func HTML(w io.Writer, r Report) error {
	t, err := template.New("report.html").Funcs(template.FuncMap{
		"time": func(t time.Time) string {
			if t.IsZero() {
				return "–"
			}
			return t.UTC().Format("2006-01-02 15:04:05Z")
		},
		"states": ledger.States,
		"shown":  func() []ledger.Step { return []ledger.Step{ledger.Copy, ledger.Verify, ledger.Switch, ledger.Purge} },
	}).ParseFS(page, "report.html")
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}
