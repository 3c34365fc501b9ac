package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/tools/migrate/cutover"
	"github.com/identitymesh/identitymesh/tools/migrate/handover"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

const (
	flagSettings = "settings"
	flagWait     = "wait"
)

// handoverFlags are those of switch and rollback.
func handoverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: flagSettings, Usage: "another settings `FILE` to write beside the one of --config, as that of an Admin API with its own; may be repeated"},
		&cli.DurationFlag{Name: flagWait, Usage: "how long the processes may take to use the other store, `DURATION`", Value: 10 * time.Minute},
	}
}

// openSides opens both stores as the ledger knows them.
func (s *session) openSides(ctx context.Context) error {
	from, err := s.source(ctx)
	if err != nil {
		return err
	}
	return s.openStores(ctx, from, stores.Of(s.migration.To))
}

// source selects the store that the migration comes from.
func (s *session) source(ctx context.Context) (stores.Selection, error) {
	from := stores.Of(s.migration.From)
	if !s.takesSection() || from.Config != "" {
		return from, nil
	}
	// Its section was written over by the switch; the backup has it.
	backups, err := s.backups(ctx)
	if err == nil && len(backups) > 0 {
		if _, err := os.Stat(backups[0].Backup); err == nil {
			from.File = backups[0].Backup
		}
	}
	return from, err
}

// takesSection reports whether the target is configured in another file than the one
// that the product reads.
func (s *session) takesSection() bool {
	to := s.migration.To
	return to.Config != "" && to.Provider != catalog.DPAPI && (len(s.program.Settings.Files) == 0 || to.Config != s.program.Settings.Files[0])
}

func (s *session) backups(ctx context.Context) (b cutover.Backups, err error) {
	text, err := s.ledger.Note(ctx, ledger.NoteSwitchFiles)
	if err != nil || text == "" {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return nil, fmt.Errorf("the ledger %s says of the settings what cannot be read: %w", s.ledger.Path(), err)
	}
	return b, nil
}

const processPoll = 250 * time.Millisecond

// settingsFiles are those that say which provider is in force.
func (s *session) settingsFiles(c *cli.Context) (cutover.Files, error) {
	executable, err := os.Executable()
	if err != nil {
		return cutover.Files{}, fmt.Errorf("find the program's own file: %w", err)
	}
	files := cutover.Files{Paths: []string{c.String(flagConfig)}, Environ: s.Environ, Executable: executable,
		Folder: boot.SettingsFolder(executable, runtime.GOOS, s.Environ)}
	for _, path := range c.StringSlice(flagSettings) {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return files, err
		}
		files.Paths = append(files.Paths, absolute)
	}
	return files, nil
}

// wanted says how the settings put each store into force.
func (s *session) wanted() (source, target cutover.Wanted) {
	source, target = asWanted(s.pair.From), asWanted(s.pair.To)
	if s.takesSection() {
		target.From = s.migration.To.Config
		if source.Provider != catalog.DPAPI {
			source.From = s.pair.From.File
		}
	}
	return source, target
}

// handover puts the parts of a switch or a rollback together.
func (s *session) handover(ctx context.Context, c *cli.Context) (*handover.Handover, error) {
	files, err := s.settingsFiles(c)
	if err != nil {
		return nil, err
	}
	source, target := s.wanted()
	return handover.New(handover.Config{
		Ledger: s.ledger, Source: handover.Side{Store: s.pair.From, Wanted: source}, Target: handover.Side{Store: s.pair.To, Wanted: target},
		Settings: files, Uses: s.db.SecretUses, Workers: verifyConcurrency, Now: s.Now, Say: func(text string) { s.note("%s", text) },
		Processes: s.processes(c.Duration(flagWait)),
	}), nil
}

// processes are those that use a store, which are waited for at most so long.
func (s *session) processes(limit time.Duration) cutover.Wait {
	who, _ := audit.Caller()
	return cutover.Wait{Database: s.db, By: "identitymesh-migrate, " + who, Now: s.Now, Limit: limit, Poll: processPoll,
		Say: func(text string) { s.note("%s", text) }}
}

// inForce returns [ledger.ErrNotInForce] unless the settings and the processes use the
// target right now. The ledger only knows what was so when it was switched; since then
// somebody may have changed the settings, or started a host that was off.
func (s *session) inForce(ctx context.Context) error {
	if _, err := s.ledger.InForce(ctx); err != nil {
		return err
	}
	_, target := s.wanted()
	if c := s.program.Choice; !target.Is(c) {
		return fmt.Errorf("%w: the settings of this host put %s into force, %s", ledger.ErrNotInForce, c.Provider, c.Why)
	}
	err := s.processes(0).Check(ctx, target)
	if late := (*cutover.LateError)(nil); errors.As(err, &late) {
		err = fmt.Errorf("%w: %w", ledger.ErrNotInForce, err)
	}
	return err
}

func asWanted(s *stores.Store) cutover.Wanted {
	return cutover.Wanted{Provider: s.Side.Provider, Target: s.Check.Target, Config: s.Settings()}
}

// handedOver is the JSON form of what a switch or a rollback did.
type handedOver struct {
	*handover.Outcome
	Next string `json:"next"`
}

// printHandover shows what a switch or a rollback did.
func (s *session) printHandover(ctx context.Context, side ledger.Side, o *handover.Outcome) error {
	next, err := s.next(ctx)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(handedOver{o, next})
	}
	text := fmt.Sprintf("%s is in force: %s, %s\n", named(side), some(o.Refs, "ref", "refs"), some(len(o.Instances), "process", "processes"))
	if len(o.Files) == 0 { // a rollback before a switch
		text = fmt.Sprintf("%s stays in force; the migration of %s is over, and what was copied stays in %s\n",
			named(side), some(o.Refs, "ref", "refs"), named(s.migration.To))
	}
	rows := [][]string{}
	for _, f := range o.Files {
		rows = append(rows, []string{"settings", f.File + " (before: " + f.Backup + ")"})
	}
	for _, i := range o.Instances {
		rows = append(rows, []string{"process", i})
	}
	for _, r := range o.Carried {
		rows = append(rows, []string{"newer value", string(r)})
	}
	for _, n := range o.Notices {
		rows = append(rows, []string{"notice", string(n.Ref) + ": " + n.Text})
	}
	if len(o.Files) > 0 && len(o.Instances) == 0 {
		rows = append(rows, []string{"notice", "no process runs; each reads the settings when it starts"})
	}
	return s.print(text + table(rows) + "next: " + next + "\n")
}

// summary is what the audit log keeps of a handover; the ledger has the refs.
func summary(o *handover.Outcome) any {
	if o == nil {
		return nil
	}
	return map[string]any{"files": o.Files, "instances": o.Instances, "refs": o.Refs, "carried": len(o.Carried), "notices": len(o.Notices)}
}
