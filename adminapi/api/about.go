package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
)

// About says what the product is made of.
type About struct {
	Items    []Part `json:"items" nullable:"false"`
	Licenses string `json:"licenses,omitempty" doc:"Path of the list of the licences of what the Admin UI is made of; absent without a built UI." example:"/licenses.md"`
}

// Part is one part of the product or of what it stands on.
type Part struct {
	Part       string `json:"part" enum:"adminapi,ui,engine,plugin,database,schema,go,system" doc:"What it is. There is one schema for each component that has tables."`
	Name       string `json:"name" doc:"Which one, such as the name of an engine."`
	Version    string `json:"version,omitempty" doc:"Absent when it is not known."`
	Commit     string `json:"commit,omitempty" doc:"What it was built from."`
	CommitDate string `json:"commitDate,omitempty" doc:"When that was made, in RFC 3339."`
	Platform   string `json:"platform,omitempty" doc:"What it was built for." example:"linux/amd64"`
	Instance   string `json:"instance,omitempty" doc:"The instance that it belongs to."`
	Machine    string `json:"machine,omitempty" doc:"The host that it runs on."`
	Alive      bool   `json:"alive" doc:"It is there now; an engine or a plugin that is not was there once."`
}

func (a *API) about() {
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "get-about", Method: http.MethodGet, Path: "/api/about", Tags: []string{tagStatus},
		Summary: "Read the version of every part",
	}, a.getAbout)
}

func (a *API) getAbout(ctx context.Context, _ *struct{}) (*struct{ Body About }, error) {
	instances, err := a.Store.ListInstances(ctx)
	if err != nil {
		return nil, err
	}
	plugins, err := a.pluginStates(ctx)
	if err != nil {
		return nil, err
	}
	database, err := a.Store.Software(ctx)
	if err != nil {
		return nil, err
	}
	b := a.Build
	out := About{Items: []Part{built(Part{Part: "adminapi", Name: "identitymesh-adminapi", Machine: a.Self.Machine, Instance: a.Self.Name, Alive: true}, b)}}
	if a.UI {
		out.Licenses = "/licenses.md"
		out.Items = append(out.Items, built(Part{Part: "ui", Name: "Admin UI", Alive: true}, b))
	}
	for _, i := range instances {
		// This process is the first part already.
		if i.Role == a.Self.Role && i.Incarnation == a.Self.Incarnation {
			continue
		}
		out.Items = append(out.Items, Part{
			Part: string(i.Role), Name: "identitymesh-" + string(i.Role), Instance: i.Name, Machine: i.Machine, Version: i.Version, Commit: i.Commit,
			CommitDate: i.CommitDate, Platform: i.Platform, Alive: a.Now().Sub(i.LastHeartbeat) < schedule.Offline,
		})
	}
	for _, p := range plugins {
		out.Items = append(out.Items, Part{
			Part: "plugin", Name: p.Provider, Version: p.Version, Commit: p.Commit, Instance: p.Role + " " + p.Instance, Machine: machineOf(instances, p), Alive: p.Alive,
		})
	}
	out.Items = append(out.Items, Part{Part: "database", Name: databaseNames[database.Dialect], Version: database.Version, Alive: true})
	for _, table := range slices.Sorted(maps.Keys(database.Schemas)) {
		name := strings.TrimSuffix(strings.TrimPrefix(table, "IM_"), "Schema")
		out.Items = append(out.Items, Part{Part: "schema", Name: name, Version: fmt.Sprint(database.Schemas[table]), Alive: true})
	}
	out.Items = append(out.Items, Part{Part: "go", Name: "Go", Version: strings.TrimPrefix(b.Go, "go"), Alive: true},
		Part{Part: "system", Name: a.System, Platform: b.Platform, Machine: a.Self.Machine, Alive: true})
	return &struct{ Body About }{out}, nil
}

var databaseNames = map[string]string{"sqlite": "SQLite", "sqlserver": "SQL Server"}

func built(p Part, b buildinfo.Info) Part {
	p.Version, p.Commit, p.CommitDate, p.Platform = b.Version, b.Commit, b.Date, b.Platform
	return p
}

func machineOf(instances []store.Instance, p PluginState) string {
	for _, i := range instances {
		if string(i.Role) == p.Role && i.Name == p.Instance {
			return i.Machine
		}
	}
	return ""
}
