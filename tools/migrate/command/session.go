package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

// needs is what a command works with, beside the configuration and the ledger.
type needs struct {
	// anywhere is a command that is about no migration in particular.
	anywhere bool
	// create makes the ledger when there is none; otherwise there must be a migration.
	create bool
	// lock keeps every other process from working with the migration.
	lock bool
	// database is the product's, for audit records and for those who watch.
	database bool
	// stores are those of the migration, both open.
	stores bool
}

// session is one command at work.
type session struct {
	*tool
	// command is its name.
	command string
	program *boot.Program
	ledger  *ledger.Ledger
	// migration is zero until one was planned.
	migration ledger.Migration
	pair      *stores.Pair
	db        *store.Store
	audit     *audit.Log
}

// within opens what a command needs and closes it after do.
func (t *tool) within(c *cli.Context, n needs, do func(context.Context, *session) error) (err error) {
	program, err := t.start(c)
	if err != nil {
		return err
	}
	s := &session{tool: t, command: c.Command.Name, program: program}
	defer func() {
		// Also after an interrupt.
		if e := program.Stop(context.WithoutCancel(c.Context)); e != nil {
			program.Logger.Warn("telemetry could not be sent", telemetry.KeyError, e)
		}
	}()
	ctx, span := program.Tracer.Tracer("identitymesh-migrate").Start(c.Context, "migrate "+s.command)
	defer span.End()
	if !n.anywhere {
		if err := s.openLedger(ctx, c, n.create); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.ledger.Close()) }()
	}
	if n.lock {
		unlock, e := s.ledger.Lock(ctx, s.command)
		if e != nil {
			return e
		}
		defer func() { err = errors.Join(err, unlock()) }()
		other, e := ledger.LockHost(program.Settings.Product.DataFolder)
		if e != nil {
			return e
		}
		defer func() { err = errors.Join(err, other()) }()
	}
	if !n.anywhere { // now that nobody plans another one
		if s.migration, err = s.ledger.Migration(ctx); err != nil && !(n.create && errors.Is(err, ledger.ErrNone)) {
			return err
		}
	}
	if n.database {
		if err := s.openDatabase(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.db.Close()) }()
		if n.lock {
			if err := s.alone(ctx); err != nil {
				return err
			}
		}
	}
	if n.stores {
		if err := s.openSides(ctx); err != nil {
			return err
		}
	}
	// A plan opens them itself.
	defer func() {
		if s.pair == nil {
			return
		}
		if e := s.pair.Close(); e != nil {
			program.Logger.Warn("the folder of a plugin could not be removed", telemetry.KeyError, e)
		}
	}()
	return do(ctx, s)
}

func (s *session) openLedger(ctx context.Context, c *cli.Context, create bool) error {
	who, host := audit.Caller()
	folder, err := s.folder(c, s.program)
	if err != nil {
		return err
	}
	s.ledger, err = ledger.Open(ctx, ledger.Config{Folder: folder, Create: create, Who: who, Host: host, Now: s.Now})
	if create && errors.Is(err, os.ErrPermission) {
		err = fmt.Errorf("%w; --%s names another folder, of which every later command has to be told too", err, flagLedger)
	}
	return err
}

func (s *session) openStores(ctx context.Context, from, to stores.Selection) (err error) {
	s.pair, err = stores.Open(ctx, s.program, s.Environ, from, to)
	if err != nil {
		s.pair = nil // nothing is left open
	}
	return err
}

// start loads the configuration and shows its warnings.
func (t *tool) start(c *cli.Context) (*boot.Program, error) {
	logs := io.Discard
	if c.Bool(flagVerbose) {
		logs = t.Stderr
	}
	program, err := boot.Start(c.Context, boot.Config{
		Service: "identitymesh-migrate", Build: t.Build, ConfigFile: c.String(flagConfig), Environ: t.Environ,
		Logs: logs, Quiet: !c.Bool(flagVerbose),
	})
	if err != nil {
		return nil, err
	}
	if !t.json && !c.Bool(flagVerbose) {
		for _, w := range program.Warnings {
			t.note("%s", w.String())
		}
		// What goes wrong with the plugins meanwhile.
		program.Logger = telemetry.NewLogger(t.Stderr, slog.LevelWarn, true)
	}
	return program, nil
}

// folder has the ledger and the plan: the one of the configuration, unless another was
// asked for.
func (t *tool) folder(c *cli.Context, program *boot.Program) (string, error) {
	if folder := c.String(flagLedger); folder != "" {
		return filepath.Abs(folder)
	}
	if files := program.Settings.Files; len(files) > 0 {
		return filepath.Dir(files[0]), nil
	}
	executable, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the program's own file: %w", err)
	}
	return boot.SettingsFolder(executable, runtime.GOOS, t.Environ), nil
}

func (s *session) openDatabase(ctx context.Context) (err error) {
	product := s.program.Settings.Product
	s.db, err = store.Open(ctx, store.Config{DB: productdb.Config{ConnectionString: product.SqlConnectionString, DataFolder: product.DataFolder}})
	if err != nil {
		return fault.Wrap(fault.Unavailable, fault.SourceHost, "open the product database", err)
	}
	if s.audit, err = audit.Open(ctx, s.db.DB(), nil); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// audited does something between two records of the audit log: without the first one
// it is not done. The ledger has what was done to each ref; the second record holds
// the ledger's fingerprint, so that neither can be changed without the other.
func (s *session) audited(ctx context.Context, detail any, do func(context.Context) (outcome any, err error)) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("describe the action for the audit log: %w", err)
	}
	actor, address := audit.Caller()
	operation, err := s.audit.Begin(ctx, audit.Entry{
		Actor: actor, Address: address, Action: "migration." + s.command, Target: "migrations/" + s.migration.ID,
		Correlation: telemetry.TraceID(telemetry.TraceParent(ctx)), Detail: string(text),
	})
	if err != nil {
		return err
	}
	result, failure := do(ctx)
	ctx = context.WithoutCancel(ctx)
	print, e := s.ledger.Fingerprint(ctx)
	if e != nil {
		return errors.Join(failure, e)
	}
	text, e = json.Marshal(map[string]any{"outcome": result, "ledger": print})
	if e != nil {
		return errors.Join(failure, e)
	}
	return errors.Join(failure, operation.End(ctx, failure, string(text)))
}

// publish shows how far the migration is to those who watch it in the product
// database, which decides nothing. problem is why the step did not succeed.
func (s *session) publish(ctx context.Context, problem error) error {
	ctx = context.WithoutCancel(ctx)
	counts, err := s.ledger.Counts(ctx)
	if err != nil {
		return err
	}
	m := store.Migration{
		ID: s.migration.ID, Step: s.command, From: s.migration.From.Provider, FromTarget: s.migration.From.Store,
		To: s.migration.To.Provider, ToTarget: s.migration.To.Store, By: s.migration.Who, Machine: s.migration.Host,
		Ledger: s.ledger.Path(), Started: s.migration.Created, Counts: map[string]int64{}, Refs: []store.MigrationRef{},
	}
	if problem != nil {
		m.Problem = problem.Error()
	}
	left := 0
	for state, n := range counts {
		m.Counts[string(state)] = int64(n)
		if state != ledger.Purged && state != ledger.RolledBack {
			left += n
		}
	}
	if left == 0 && len(counts) > 0 {
		if m.Finished, err = s.ledger.Changed(ctx); err != nil {
			return err
		}
		if counts[ledger.Purged] > 0 {
			m.Problem = "" // whatever was refused came too late for this migration
		}
	}
	page, err := s.ledger.Page(ctx, []ledger.State{ledger.Blocked, ledger.Drifted}, "", watchedRefs)
	if err != nil {
		return err
	}
	for _, e := range page {
		message := e.Reason
		if e.Next != "" {
			message += "; " + e.Next
		}
		m.Refs = append(m.Refs, store.MigrationRef{Ref: string(e.Ref), State: string(e.State), Reason: string(e.Verdict), Message: message})
	}
	return s.db.SaveMigration(ctx, m)
}

// watchedRefs is how many refs that need an operator are shown to watchers.
const watchedRefs = 1000
