package boot

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// ReloadLimit bounds a reload: an earlier one whose old process still finishes
// its calls, then the start of the new process.
const ReloadLimit = 75 * time.Second

// Reloadable is a provider whose plugin can be replaced.
type Reloadable interface {
	Reload(ctx context.Context, choice catalog.Choice) error
}

// Reloader replaces the secret provider of a running program by what its
// configuration says now. Its methods may be called concurrently.
type Reloader struct {
	program  *Program
	provider Reloadable
	turn     chan struct{}  // holds a token while a reload is under way
	choice   catalog.Choice // that was put into force last
	settings atomic.Pointer[appsettings.Settings]
}

// Reloader returns what reloads provider, which was opened from [Program.Host].
func (p *Program) Reloader(provider Reloadable) *Reloader {
	r := &Reloader{program: p, provider: provider, turn: make(chan struct{}, 1), choice: p.Choice}
	r.settings.Store(p.Settings)
	return r
}

// Settings returns the configuration in force: that of the start, but for the
// section Secrets, which is that of the last reload that succeeded.
func (r *Reloader) Settings() *appsettings.Settings { return r.settings.Load() }

// Plugins returns every provider that the configuration in force could choose; see
// [catalog.All].
func (r *Reloader) Plugins() []catalog.Choice {
	return catalog.All(r.Settings(), catalog.Options{Executable: r.program.config.executable, Environ: r.program.config.Environ})
}

// Reload reads the section Secrets, and the lock file, again and replaces the
// provider; nothing else of the configuration takes effect. A configuration that
// cannot be used is a [*diag.InvalidError] and changes nothing. Everything is
// logged, with trigger, which says who asked.
func (r *Reloader) Reload(ctx context.Context, trigger string) error {
	ctx, cancel := context.WithTimeout(ctx, ReloadLimit)
	defer cancel()
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for another reload of the secret provider: %w", ctx.Err())
	}
	logger := r.program.Logger.With("trigger", trigger)
	choice, settings, err := r.reread(ctx, logger)
	if err != nil {
		return err
	}
	if err := r.provider.Reload(ctx, choice); err != nil {
		logger.ErrorContext(ctx, "the secret provider was not reloaded", telemetry.KeyError, err)
		return err
	}
	r.choice = choice
	r.settings.Store(r.program.Settings.WithSecrets(settings))
	logger.InfoContext(ctx, "the secret provider was reloaded", "provider", choice.Provider)
	return nil
}

// reread loads the configuration and says what is new in it.
func (r *Reloader) reread(ctx context.Context, logger *slog.Logger) (catalog.Choice, *appsettings.Settings, error) {
	running := r.program.Settings
	settings, choice, problems := load(r.program.config, running)
	if choice.Fallback && !r.choice.Fallback {
		// At a start the default is better than nothing; a program that has a store
		// must not leave it over a slip of the pen.
		for i := range problems {
			if problems[i].Path == "Secrets:Provider" {
				problems[i].Severity = diag.Error
			}
		}
	}
	if err := problems.Err(); err != nil {
		for _, d := range problems.Errors() {
			logger.ErrorContext(ctx, "the secret provider was not reloaded, because the configuration cannot be used",
				telemetry.KeyPath, d.Path, "summary", d.Summary)
		}
		return catalog.Choice{}, nil, err
	}
	for _, w := range problems.Warnings() {
		logger.WarnContext(ctx, "configuration warning", telemetry.KeyPath, w.Path, "summary", w.Summary)
	}
	if others := otherSections(running, settings); len(others) > 0 {
		logger.WarnContext(ctx, "other settings changed too; they take effect when the program is started again", "sections", others)
	}
	logger.InfoContext(ctx, "reloading the secret provider", "provider", choice.Provider, "why", choice.Why,
		"changed", catalog.Changes(r.choice, choice))
	return choice, settings, nil
}

// load reads the configuration. The provider is chosen as running, if that is not
// nil, says where the product keeps its data: a plugin must not use another
// database than its host.
func load(c Config, running *appsettings.Settings) (*appsettings.Settings, catalog.Choice, diag.List) {
	settings, problems := appsettings.Load(appsettings.Options{File: c.ConfigFile, Folder: c.folder, Environ: c.Environ})
	effective := *settings
	if running != nil {
		effective.Product = running.Product
	}
	choice, more := catalog.Choose(&effective, catalog.Options{Executable: c.executable, Environ: c.Environ})
	return settings, choice, slices.Concat(problems, more)
}

// otherSections names the sections that differ and need a new start.
func otherSections(a, b *appsettings.Settings) (names []string) {
	// A secret value is never deeply equal to another.
	product, other := a.Product, b.Product
	database := bytes.Equal(product.SqlConnectionString.Reveal(), other.SqlConnectionString.Reveal())
	product.SqlConnectionString, other.SqlConnectionString = secret.Value{}, secret.Value{}
	if !database || !reflect.DeepEqual(product, other) {
		names = append(names, "IdentityMesh")
	}
	head, otherHead := a.Audit.Head, b.Audit.Head
	address := bytes.Equal(head.URL.Reveal(), otherHead.URL.Reveal())
	head.URL, otherHead.URL = secret.Value{}, secret.Value{}
	if !address || !reflect.DeepEqual(head, otherHead) {
		names = append(names, "Audit")
	}
	for _, s := range []struct {
		name string
		a, b any
	}{
		{"Engine", a.Engine, b.Engine}, {"AdminApi", a.AdminAPI, b.AdminAPI}, {"Logging", a.Logging, b.Logging},
		{"Authentication", a.Authentication, b.Authentication},
	} {
		if !reflect.DeepEqual(s.a, s.b) {
			names = append(names, s.name)
		}
	}
	return names
}
