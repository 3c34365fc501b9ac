package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

const (
	// mostFailing connectors are looked at, and mostReasons are told apart.
	mostFailing = 1000
	mostReasons = 20
)

// connectorAttention is about connectors that fail and those that nobody runs. Who may
// see the status only hears nothing of connectors, runs and secrets by it.
func (a *API) connectorAttention(ctx context.Context, instances []store.Instance) (out []Attention, err error) {
	who := authz.From(ctx)
	if who.May(authz.ConnectorsRead) && who.May(authz.RunsRead) {
		failing, err := a.Store.FailingConnectors(ctx, mostFailing)
		if err != nil {
			return nil, err
		}
		if out, err = a.failingAttention(ctx, failing); err != nil {
			return nil, err
		}
	}
	homeless, err := a.homelessAttention(ctx, instances)
	if err != nil {
		return nil, err
	}
	out = append(out, homeless...)
	if !who.May(authz.ConnectorsRead) {
		return out, nil
	}
	unscheduled, n, err := a.Store.Unscheduled(ctx, mostSubjects)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		x := Attention{Code: "connectors-unscheduled", Severity: "info", Count: n, Subjects: subjects(unscheduled),
			Summary: fmt.Sprintf("%s no schedule: nothing is imported unless somebody asks for it.", connectorsThat(n, "has", "have")),
			Action:  link("See the connectors", "/connectors", authz.ConnectorsRead)}
		if n == 1 {
			x.Action = link("Give it a schedule", "/connectors/"+unscheduled[0].ID, authz.SchedulesWrite)
		}
		out = append(out, x)
	}
	return out, nil
}

func connectorsThat(n int, does, do string) string {
	if n == 1 {
		return "One connector " + does
	}
	return fmt.Sprintf("%d connectors %s", n, do)
}

func subjects(list []store.Named) []Subject {
	out := []Subject{}
	for _, c := range list {
		out = append(out, Subject{Kind: "connector", ID: c.ID, Name: c.Name})
	}
	return out
}

// homelessAttention is about connectors that no living engine may run.
func (a *API) homelessAttention(ctx context.Context, instances []store.Instance) ([]Attention, error) {
	living := slices.ContainsFunc(instances, func(i store.Instance) bool {
		return i.Role == store.RoleEngine && a.Now().Sub(i.LastHeartbeat) < schedule.Offline
	})
	if !living {
		return []Attention{{
			Code: "no-engine", Severity: "error", Summary: "No engine lives, so nothing runs.", Count: 1, Subjects: []Subject{},
			Detail: "Start identitymesh-engine on a host that reaches this database.", Action: link("See the instances", "/instances", authz.StatusRead),
		}}, nil
	}
	if !authz.From(ctx).May(authz.ConnectorsRead) {
		return nil, nil
	}
	list, n, err := a.Store.Homeless(ctx, a.offlineSince(), mostSubjects)
	if err != nil || n == 0 {
		return nil, err
	}
	return []Attention{{
		Code: "connectors-without-engine", Severity: "error", Count: n, Subjects: subjects(list),
		Summary: connectorsThat(n, "is bound to an engine that does not live.", "are bound to engines that do not live."),
		Detail:  "Start that engine, or let another one run the connector.", Action: link("See the connector", "/connectors/"+list[0].ID, authz.ConnectorsRead),
	}}, nil
}

// failingAttention puts connectors that fail for the same reason into one item.
func (a *API) failingAttention(ctx context.Context, failing []store.FailingConnector) (out []Attention, err error) {
	groups, order := map[string][]store.FailingConnector{}, []string{}
	for _, f := range failing {
		// A text that names its connector is the same for all but for that.
		reason := f.Reason + "\x00" + strings.ReplaceAll(f.Error, "connector "+f.Name, "connector …")
		if _, known := groups[reason]; !known && len(order) == mostReasons {
			reason = ""
		}
		if groups[reason] == nil {
			order = append(order, reason)
		}
		groups[reason] = append(groups[reason], f)
	}
	for _, reason := range order {
		group := groups[reason]
		x := Attention{Code: "connectors-failing", Severity: "error", Count: len(group), Subjects: []Subject{}, Since: group[0].Since.UTC(),
			Detail: group[0].Error, Action: link("See why", "/runs/"+group[0].RunID, authz.RunsRead)}
		for i, f := range group {
			if f.Since.Before(x.Since) {
				x.Since = f.Since.UTC()
			}
			if i < mostSubjects {
				x.Subjects = append(x.Subjects, Subject{Kind: "connector", ID: f.ID, Name: f.Name})
			}
		}
		switch {
		case reason == "":
			x.Detail, x.Action = "Each for another reason; the runs say why.", link("See the failed runs", "/runs?status=Failed", authz.RunsRead)
			x.Summary = connectorsThat(len(group), "fails too.", "fail too.")
		case len(group) == 1:
			x.Summary = fmt.Sprintf("The connector %s fails (%s).", group[0].Name, group[0].Reason)
		default:
			x.Summary = fmt.Sprintf("%d connectors fail for one reason (%s).", len(group), group[0].Reason)
		}
		if err := a.blameSecret(ctx, group[0], &x); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// blameSecret points at the secret that could not be read, if that is the reason.
func (a *API) blameSecret(ctx context.Context, f store.FailingConnector, x *Attention) error {
	if x.Detail != f.Error || !authz.From(ctx).May(authz.SecretsRead) || !slices.ContainsFunc(fault.Reasons(), func(r fault.Reason) bool { return r.String() == f.Reason }) {
		return nil
	}
	c, err := a.Store.Connector(ctx, f.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it was deleted just now
	}
	if err != nil {
		return err
	}
	for _, ref := range a.refs(c) {
		if strings.Contains(f.Error, ref) {
			x.Subjects = append(x.Subjects[:min(len(x.Subjects), mostSubjects-1)], Subject{Kind: "secret", ID: ref, Name: ref})
			x.Action = link("See the secret", "/secrets?ref="+url.QueryEscape(ref), authz.SecretsRead)
			break
		}
	}
	return nil
}
