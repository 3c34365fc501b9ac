package stack

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Row is one run in the summary.
type Row struct {
	Connector, Kind                   string
	Added, Updated, Unchanged, Failed int
	Took                              time.Duration
}

// WriteTable writes the summary of runs.
func WriteTable(out io.Writer, rows []Row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "connector\tkind\tadded\tupdated\tunchanged\tfailed\tseconds\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%.2f\t\n", r.Connector, r.Kind, r.Added, r.Updated, r.Unchanged, r.Failed, r.Took.Seconds())
	}
	return w.Flush()
}
