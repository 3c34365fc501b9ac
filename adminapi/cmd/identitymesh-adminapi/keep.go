package main

import (
	"context"
	"time"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/boot"
)

// keepAudit makes what looks after the audit log while the program runs.
func keepAudit(program *boot.Program, log *audit.Log, self store.Instance) (*audit.Keeper, error) {
	settings := program.Settings
	return audit.NewKeeper(audit.KeeperConfig{
		Log: log, DataFolder: settings.Product.DataFolder, Address: self.Machine, Logger: program.Logger, Now: time.Now,
		AdminDays: settings.Product.Retention.AuditDays, ObjectDays: settings.Product.Retention.ObjectAuditDays,
		Witness: witness(settings), Interval: settings.Audit.Head.Interval,
	})
}

// witness is where the heads of the audit log are written.
func witness(settings *appsettings.Settings) audit.Witness {
	head := settings.Audit.Head
	return audit.Witness{File: head.File, URL: string(head.URL.Reveal()), KeyFile: head.KeyFile}
}

// openLog opens the audit log, which trusts the key of this host and those given.
func openLog(ctx context.Context, db *store.Store, settings *appsettings.Settings, trusted []string) (*audit.Log, error) {
	log, err := audit.Open(ctx, db.DB(), nil)
	if err != nil {
		return nil, err
	}
	log.TrustKeyOf(settings.Product.DataFolder, trusted...)
	return log, nil
}

// all joins what several say.
func all(lists ...func() []string) func() []string {
	return func() (joined []string) {
		for _, list := range lists {
			joined = append(joined, list()...)
		}
		return joined
	}
}
