package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/schedule"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// ScheduleInput is when a connector is to run by itself.
type ScheduleInput struct {
	Kind            string `json:"kind" enum:"full,delta"`
	IntervalSeconds int64  `json:"intervalSeconds,omitempty" maximum:"31536000" doc:"Time between two runs, at least 10; either this or cron." example:"900"`
	Cron            string `json:"cron,omitempty" doc:"Five fields (minute, hour, day of month, month, day of week) in UTC, or a name such as @hourly." example:"30 2 * * *"`
	Enabled         *bool  `json:"enabled,omitempty" doc:"True when left out."`
}

// Schedule says when a connector runs by itself.
type Schedule struct {
	ID              string    `json:"id"`
	ConnectorID     string    `json:"connectorId"`
	Kind            string    `json:"kind" enum:"full,delta"`
	IntervalSeconds int64     `json:"intervalSeconds,omitempty"`
	Cron            string    `json:"cron,omitempty"`
	Enabled         bool      `json:"enabled"`
	NextDue         time.Time `json:"nextDue"`
	Version         int64     `json:"version" doc:"Counts changes; the ETag is made of it."`
}

func scheduleOf(x store.Schedule) Schedule {
	return Schedule{
		ID: x.ID, ConnectorID: x.ConnectorID, Kind: string(x.Kind), IntervalSeconds: int64(x.Interval / time.Second), Cron: x.Cron,
		Enabled: x.Enabled, NextDue: x.NextDue.UTC(), Version: x.Version,
	}
}

// SchedulePath names a schedule in a path.
type SchedulePath struct {
	ConnectorPath
	ScheduleID string `path:"scheduleId" maxLength:"36" doc:"The schedule's id."`
}

type scheduleOutput struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     Schedule
}

func scheduleAnswer(x store.Schedule) *scheduleOutput {
	return &scheduleOutput{ETag: etag(x.Version), Location: "/api/connectors/" + x.ConnectorID + "/schedules/" + x.ID, Body: scheduleOf(x)}
}

// ListedSchedule is a schedule as a list shows it.
type ListedSchedule struct {
	Schedule
	ConnectorName string `json:"connectorName"`
}

type schedulePage struct {
	Body struct {
		Items []ListedSchedule `json:"items" nullable:"false"`
		Next  string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

// timesShown is how many coming times are told.
const timesShown = 5

type upcomingInput struct {
	Cron            string    `query:"cron" doc:"As in a schedule; either this or intervalSeconds."`
	IntervalSeconds int64     `query:"intervalSeconds" maximum:"31536000" doc:"As in a schedule."`
	Due             time.Time `query:"due" doc:"When the first run is due, such as the nextDue of a schedule; counted from now when left out."`
}

type upcomingOutput struct {
	Body struct {
		Items []time.Time `json:"items" nullable:"false" doc:"The next five, in UTC. One that is past is made up for as soon as an engine can."`
	}
}

// SchedulesQuery is what of the schedules a list has.
type SchedulesQuery struct {
	Paging
	Sort    string `query:"sort" enum:"nextDue,-nextDue,connector,-connector" default:"nextDue" doc:"The next one due first, or by the connector's name."`
	Kind    string `query:"kind" enum:"full,delta" doc:"Only schedules of this kind of run."`
	Enabled string `query:"enabled" enum:"true,false" doc:"Only those that are switched on, or off."`
}

func (a *API) schedules() {
	const all, one = "/api/connectors/{id}/schedules", "/api/connectors/{id}/schedules/{scheduleId}"
	register(a, authz.ConnectorsRead, huma.Operation{
		OperationID: "list-schedules", Method: http.MethodGet, Path: all, Tags: []string{tagSchedules},
		Summary: "List a connector's schedules",
	}, func(ctx context.Context, in *struct {
		ConnectorPath
		SchedulesQuery
	}) (*schedulePage, error) {
		if _, err := a.Store.Connector(ctx, in.ID); err != nil {
			return nil, connectorProblem(err)
		}
		return a.listSchedules(ctx, in.SchedulesQuery, store.ScheduleFilter{ConnectorID: in.ID})
	})
	register(a, authz.ConnectorsRead, huma.Operation{
		OperationID: "list-all-schedules", Method: http.MethodGet, Path: "/api/schedules", Tags: []string{tagSchedules},
		Summary: "List the schedules of all connectors",
	}, func(ctx context.Context, in *struct {
		SchedulesQuery
		ConnectorID string `query:"connectorId" maxLength:"36" doc:"Only this connector's schedules."`
		Q           string `query:"q" maxLength:"200" doc:"A part of the connector's name, in any case."`
	}) (*schedulePage, error) {
		return a.listSchedules(ctx, in.SchedulesQuery, store.ScheduleFilter{ConnectorID: in.ConnectorID, Q: in.Q})
	})
	register(a, authz.ConnectorsRead, huma.Operation{
		OperationID: "preview-schedule", Method: http.MethodGet, Path: "/api/schedules/upcoming", Tags: []string{tagSchedules},
		Summary: "Tell when a schedule would run", Description: "For one that is there as for one that somebody thinks of: nothing is changed.",
	}, a.upcoming)
	registerCreate(a, authz.SchedulesWrite, "schedules.create", huma.Operation{
		OperationID: "create-schedule", Method: http.MethodPost, Path: all, DefaultStatus: http.StatusCreated, Tags: []string{tagSchedules},
		Summary: "Let a connector run by itself",
	}, wholeAnswer, a.createSchedule)
	takes[ScheduleInput](a, http.MethodPost, all)
	register(a, authz.ConnectorsRead, huma.Operation{
		OperationID: "get-schedule", Method: http.MethodGet, Path: one, Tags: []string{tagSchedules}, Summary: "Read a schedule",
	}, a.getSchedule)
	registerChange(a, authz.SchedulesWrite, "schedules.update", huma.Operation{
		OperationID: "update-schedule", Method: http.MethodPut, Path: one, Tags: []string{tagSchedules},
		Summary: "Replace a schedule", Description: "Everything is replaced, and the time that is next due is counted from now.",
	}, a.updateSchedule)
	takes[ScheduleInput](a, http.MethodPut, one)
	registerChange(a, authz.SchedulesWrite, "schedules.delete", huma.Operation{
		OperationID: "delete-schedule", Method: http.MethodDelete, Path: one, Tags: []string{tagSchedules}, Summary: "Delete a schedule",
	}, a.deleteSchedule)
}

// apply sets what the operator said, and when that is first due.
func (a *API) apply(in ScheduleInput, x store.Schedule) (store.Schedule, error) {
	x.Kind, x.Interval, x.Cron = store.Kind(in.Kind), time.Duration(in.IntervalSeconds)*time.Second, in.Cron
	x.Enabled = in.Enabled == nil || *in.Enabled
	x.NextDue = time.Time{}
	next, err := schedule.Next(x, a.Now())
	if err != nil {
		return x, problem.Invalid(problem.Item{Path: "cron", Message: err.Error()})
	}
	x.NextDue = next
	return x, nil
}

func checkSchedule(in ScheduleInput) (problems diag.List) {
	path := "intervalSeconds"
	if in.Cron != "" {
		path = "cron"
	}
	if err := schedule.Validate(time.Duration(in.IntervalSeconds)*time.Second, in.Cron); err != nil {
		problems.Errorf(path, "%s", err)
	} else if len(in.Cron) > store.MaxNameBytes {
		problems.Errorf(path, "the cron expression must have at most %d bytes", store.MaxNameBytes)
	}
	return problems
}

func (a *API) upcoming(_ context.Context, in *upcomingInput) (*upcomingOutput, error) {
	if found := checkSchedule(ScheduleInput{Cron: in.Cron, IntervalSeconds: in.IntervalSeconds}); len(found) > 0 {
		return nil, problem.Invalid(problem.Item{Path: "query:" + found[0].Path, Message: found[0].Summary})
	}
	x := store.Schedule{Cron: in.Cron, Interval: time.Duration(in.IntervalSeconds) * time.Second, NextDue: in.Due}
	times, err := schedule.Upcoming(x, a.Now(), timesShown)
	if err != nil {
		return nil, problem.Invalid(problem.Item{Path: "query:cron", Message: err.Error()})
	}
	out := &upcomingOutput{}
	out.Body.Items = times
	return out, nil
}

func (a *API) listSchedules(ctx context.Context, in SchedulesQuery, filter store.ScheduleFilter) (*schedulePage, error) {
	filter.Kind, filter.Enabled = store.Kind(in.Kind), truth(in.Enabled)
	q := query{"schedules", in.Sort, filter}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	list, next, err := a.Store.PageSchedules(ctx, filter, page)
	if err != nil {
		return nil, listProblem(err)
	}
	out := &schedulePage{}
	out.Body.Next = q.next(next)
	out.Body.Items = all(list, func(x store.ListedSchedule) ListedSchedule {
		return ListedSchedule{Schedule: scheduleOf(x.Schedule), ConnectorName: x.ConnectorName}
	})
	return out, nil
}

func (a *API) createSchedule(ctx context.Context, in *struct {
	ConnectorPath
	Payload
}) (c change[scheduleOutput], err error) {
	input, err := decode(a, in.Payload, checkSchedule)
	if err != nil {
		return c, err
	}
	x, err := a.apply(input, store.Schedule{ConnectorID: in.ID})
	if err != nil {
		return c, err
	}
	if _, err := a.Store.Connector(ctx, in.ID); err != nil {
		return c, connectorProblem(err)
	}
	c.target, c.wanted = connectorTarget(in.ID)+"/schedules", input
	c.do = func(ctx context.Context) (done[scheduleOutput], error) {
		x.ID = newID(ctx)
		created, err := a.Store.CreateSchedule(ctx, x)
		return changedSchedule(created, connectorProblem(err))
	}
	return c, nil
}

func scheduleTarget(x store.Schedule) string {
	return connectorTarget(x.ConnectorID) + "/schedules/" + x.ID
}

func changedSchedule(x store.Schedule, err error) (done[scheduleOutput], error) {
	if err != nil {
		return done[scheduleOutput]{}, err
	}
	return done[scheduleOutput]{answer: scheduleAnswer(x), target: scheduleTarget(x), after: scheduleOf(x)}, nil
}

// schedule returns a schedule of that connector.
func (a *API) schedule(ctx context.Context, id SchedulePath) (store.Schedule, error) {
	x, err := a.Store.Schedule(ctx, id.ScheduleID)
	if err == nil && x.ConnectorID != id.ID {
		err = store.ErrNotFound
	}
	return x, scheduleProblem(err)
}

func (a *API) getSchedule(ctx context.Context, in *SchedulePath) (*scheduleOutput, error) {
	x, err := a.schedule(ctx, *in)
	if err != nil {
		return nil, err
	}
	return scheduleAnswer(x), nil
}

func (a *API) updateSchedule(ctx context.Context, in *struct {
	SchedulePath
	IfMatch string `header:"If-Match" doc:"The ETag that reading the schedule returned; required."`
	Payload
}) (c change[scheduleOutput], err error) {
	x, err := a.schedule(ctx, in.SchedulePath)
	if err != nil {
		return c, err
	}
	input, err := decode(a, in.Payload, checkSchedule)
	if err != nil {
		return c, err
	}
	if x.Version, err = matched(in.IfMatch, x.Version); err != nil {
		return c, err
	}
	c.target, c.before, c.wanted = scheduleTarget(x), scheduleOf(x), input
	if x, err = a.apply(input, x); err != nil {
		return c, err
	}
	c.do = func(ctx context.Context) (done[scheduleOutput], error) {
		updated, err := a.Store.UpdateSchedule(ctx, x)
		return changedSchedule(updated, scheduleProblem(err))
	}
	return c, nil
}

func (a *API) deleteSchedule(ctx context.Context, in *struct {
	SchedulePath
	IfMatch string `header:"If-Match" doc:"The ETag that reading the schedule returned. Without it, or with *, it is deleted whatever it is by then."`
}) (c change[struct{}], err error) {
	x, err := a.schedule(ctx, in.SchedulePath)
	if err != nil {
		return c, err
	}
	version, err := matchedIfGiven(in.IfMatch, x.Version)
	if err != nil {
		return c, err
	}
	c.target, c.before = scheduleTarget(x), scheduleOf(x)
	c.do = func(ctx context.Context) (done[struct{}], error) {
		return done[struct{}]{}, scheduleProblem(a.Store.DeleteSchedule(ctx, in.ScheduleID, version))
	}
	return c, nil
}

func scheduleProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return problem.New(http.StatusNotFound, "schedule-not-found", "The connector has no schedule of that id; list them below the connector at /schedules.")
	case errors.Is(err, store.ErrConflict):
		return changed()
	}
	return err
}
