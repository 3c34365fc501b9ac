package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	paper "github.com/identitymesh/identitymesh/tools/migrate/report"

	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

const flagOut = "out"

func (t *tool) report() *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "write what was moved, when, by whom, from where to where; or check such a report", ArgsUsage: "[verify FILE]",
		Description: "Writes three files: JSON for programs, HTML for people, and the JSON in a signed envelope (DSSE, ed25519). The key is\n" +
			"in the data folder and never leaves it; the audit log, which is a chain, keeps the digest of the report and the id of\n" +
			"the key. So \"report verify\" shows that this very report was made here, as long as the audit log is intact.\n\n" +
			"   identitymesh-migrate report --out /var/tmp\n" +
			"   identitymesh-migrate report verify /var/tmp/migration-report.signed.json",
		Flags: []cli.Flag{&cli.StringFlag{Name: flagOut, Usage: "`FOLDER` for the files (default: that of the ledger)"}},
		Action: func(c *cli.Context) error {
			switch {
			case !c.Args().Present():
				return t.within(c, needs{database: true}, func(ctx context.Context, s *session) error { return s.writeReport(ctx, c.String(flagOut)) })
			case c.Args().First() == "verify" && c.NArg() == 2:
				return t.within(c, needs{anywhere: true, database: true}, func(ctx context.Context, s *session) error { return s.verifyReport(ctx, c.Args().Get(1)) })
			}
			return commandline.Usagef("report takes nothing, or \"verify\" and a file; see %s --help", c.Command.HelpName)
		},
	}
}

// reported is the JSON form of a report that was written.
type reported struct {
	Files []string `json:"files"`
	paper.Identity
}

func (s *session) writeReport(ctx context.Context, folder string) error {
	if folder == "" {
		folder = filepath.Dir(s.ledger.Path())
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	var done reported
	err = s.audited(ctx, map[string]any{"folder": folder}, func(ctx context.Context) (any, error) {
		if err := s.vouched(ctx); err != nil {
			return nil, err
		}
		who, host := audit.Caller()
		r, err := paper.Make(ctx, paper.Config{Ledger: s.ledger, Now: s.Now(), By: who, Host: host, Program: "identitymesh-migrate " + s.Build.Version})
		if err != nil {
			return nil, err
		}
		key, err := paper.Key(s.program.Settings.Product.DataFolder)
		if err != nil {
			return nil, err
		}
		signed, identity, err := paper.Sign(r, key)
		if err != nil {
			return nil, err
		}
		done.Identity = identity
		for _, f := range []struct {
			name  string
			write func(io.Writer) error
		}{
			{"migration-report.json", func(w io.Writer) error { _, err := w.Write(append(signed.Payload, '\n')); return err }},
			{"migration-report.html", func(w io.Writer) error { return paper.HTML(w, r) }},
			{"migration-report.signed.json", func(w io.Writer) error { return json.NewEncoder(w).Encode(signed) }},
		} {
			path := filepath.Join(folder, f.name)
			if err := wholefile.Replace(path, 0o600, f.write); err != nil {
				return nil, fmt.Errorf("write the report: %w", err)
			}
			done.Files = append(done.Files, path)
		}
		return identity, nil
	})
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(done)
	}
	rows := [][]string{}
	for _, f := range done.Files {
		rows = append(rows, []string{"wrote", f})
	}
	return s.print(table(append(rows, []string{"sha256", done.Sha256}, []string{"key", done.KeyID})))
}

// vouched compares the ledger with what the audit log kept of it behind each command: a
// chain that was made anew fits itself, and not those. A ledger that was changed gives a
// [*ledger.BrokenError].
func (s *session) vouched(ctx context.Context) error {
	records, err := s.audit.Search(ctx, audit.Filter{TargetPrefix: "migrations/" + s.migration.ID}, maxReported)
	if err != nil {
		return err
	}
	for _, record := range records {
		var detail struct{ Ledger ledger.Fingerprint }
		if record.Phase != audit.Outcome || json.Unmarshal([]byte(record.Detail), &detail) != nil || detail.Ledger.Events == 0 {
			continue
		}
		event, err := s.ledger.Event(ctx, detail.Ledger.Events)
		if err != nil || event.Hash != detail.Ledger.Hash {
			return errors.Join(&ledger.BrokenError{Seq: detail.Ledger.Events,
				Why: fmt.Sprintf("record %d of the audit log has another hash of it; put the ledger back that belongs to it", record.Seq)}, err)
		}
	}
	return nil
}

// checked is the JSON form of a report that was found to be ours.
type checked struct {
	paper.Identity
	Made   string `json:"made"`
	By     string `json:"by"`
	Record int64  `json:"auditRecord"`
}

// maxReported is how many audit records of one migration are looked through.
const maxReported = 10_000

func (s *session) verifyReport(ctx context.Context, file string) error {
	text, err := readReport(file)
	if err != nil {
		return err
	}
	r, identity, err := paper.Open(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	records, err := s.audit.Search(ctx, audit.Filter{Action: "migration.report", TargetPrefix: "migrations/" + r.Migration.ID}, maxReported)
	if err != nil {
		return err
	}
	found := int64(0)
	for _, record := range records {
		var detail struct{ Outcome paper.Identity }
		if record.Phase == audit.Outcome && json.Unmarshal([]byte(record.Detail), &detail) == nil && detail.Outcome == identity {
			found = record.Seq
		}
	}
	if found == 0 {
		return fmt.Errorf("%s: %w: the audit log of %s has no record of it, so anybody may have signed it", file, paper.ErrForged, s.db.Target())
	}
	if _, err := s.audit.Verify(ctx); err != nil {
		return fmt.Errorf("the report is recorded, and the record cannot be trusted: %w", err)
	}
	c := checked{identity, r.Made.Format(timeForm), r.By, found}
	if s.json {
		return s.printJSON(c)
	}
	return s.print(fmt.Sprintf("%s is the report that %s made %s\nsha256 %s\nkey    %s\naudit  record %d, in an intact chain\n",
		file, commandline.Plain(r.By), c.Made, c.Sha256, c.KeyID, found))
}

// maxReport is more than a report of a million refs has.
const maxReport = 1 << 30

func readReport(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, commandline.Usagef("%s does not exist", file)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxReport:
		return nil, commandline.Usagef("%s is no report", file)
	}
	return os.ReadFile(file)
}
