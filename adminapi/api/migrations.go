package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
)

// Migration is how far secrets have been moved to another secret store. It is
// shown as the tool reported it last.
type Migration struct {
	ID         string           `json:"id"`
	Step       string           `json:"step" example:"soak" doc:"The step that was begun last: plan, run, verify, switch, soak, rollback or purge."`
	Problem    string           `json:"problem,omitempty" doc:"Why that step did not succeed; absent when it did or is under way."`
	From       string           `json:"from" example:"DPAPI" doc:"The provider that secrets are moved from."`
	FromTarget string           `json:"fromTarget" doc:"Its store, as the plugin names it."`
	To         string           `json:"to" example:"AzureKeyVault"`
	ToTarget   string           `json:"toTarget"`
	By         string           `json:"by" doc:"Who began it."`
	Machine    string           `json:"machine" doc:"Where the tool runs."`
	Ledger     string           `json:"ledger" doc:"The file on that machine that decides; what is here is a copy."`
	Started    time.Time        `json:"started"`
	Updated    time.Time        `json:"updated" doc:"When the tool reported last."`
	Finished   time.Time        `json:"finished,omitzero" doc:"Absent while there is something left to do."`
	Counts     map[string]int64 `json:"counts" nullable:"false" doc:"How many refs are in each state: planned, copied, verified, switched, soaking, purged, blocked, drifted, rolled back."`
}

// MigrationDetails adds the refs that need an operator.
type MigrationDetails struct {
	Migration
	Refs []MigrationRef `json:"refs" nullable:"false" doc:"At most the first 1,000; counts has all. Empty for who lacks the permission secrets.read."`
}

// MigrationRef is a ref that does not get ahead.
type MigrationRef struct {
	Ref     string `json:"ref"`
	State   string `json:"state" example:"blocked"`
	Reason  string `json:"reason,omitempty" example:"too-large"`
	Message string `json:"message,omitempty"`
}

type migrationList struct {
	Body struct {
		Items []Migration `json:"items" nullable:"false"`
	}
}

// migrationLimit is how many are listed. A product has a handful in its life.
const migrationLimit = 100

func (a *API) migrations() {
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "list-migrations", Method: http.MethodGet, Path: "/api/migrations", Tags: []string{tagStatus},
		Summary: "List the migrations of secrets to another store, the newest first", Description: "At most the last 100.",
	}, a.listMigrations)
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "get-migration", Method: http.MethodGet, Path: "/api/migrations/{id}", Tags: []string{tagStatus},
		Summary: "Read how far a migration is and which refs are blocked",
	}, a.getMigration)
}

func (a *API) listMigrations(ctx context.Context, _ *struct{}) (*migrationList, error) {
	list, err := a.Store.ListMigrations(ctx, migrationLimit)
	if err != nil {
		return nil, err
	}
	out := &migrationList{}
	out.Body.Items = make([]Migration, 0, len(list))
	for _, m := range list {
		out.Body.Items = append(out.Body.Items, migration(m))
	}
	return out, nil
}

func (a *API) getMigration(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"36" doc:"The migration's id."`
}) (*struct{ Body MigrationDetails }, error) {
	m, err := a.Store.GetMigration(ctx, in.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem.New(http.StatusNotFound, "migration-not-found", "There is no such migration.")
	}
	if err != nil {
		return nil, err
	}
	d := MigrationDetails{Migration: migration(m), Refs: make([]MigrationRef, 0, len(m.Refs))}
	if !authz.From(ctx).May(authz.SecretsRead) {
		m.Refs = nil
	}
	for _, r := range m.Refs {
		d.Refs = append(d.Refs, MigrationRef(r))
	}
	return &struct{ Body MigrationDetails }{d}, nil
}

func migration(m store.Migration) Migration {
	if m.Counts == nil {
		m.Counts = map[string]int64{}
	}
	return Migration{
		ID: m.ID, Step: m.Step, Problem: m.Problem, From: m.From, FromTarget: m.FromTarget, To: m.To, ToTarget: m.ToTarget,
		By: m.By, Machine: m.Machine, Ledger: m.Ledger, Started: m.Started, Updated: m.Updated, Finished: m.Finished, Counts: m.Counts,
	}
}
