package smoke

import (
	"context"
	"errors"

	"github.com/identitymesh/identitymesh/build/demo/client"
	"github.com/identitymesh/identitymesh/build/demo/directory"
	"github.com/identitymesh/identitymesh/build/demo/stack"
)

// changed is how many people each source changes at a time.
const changed = 10

type step struct {
	name string
	do   func(*smoke, context.Context) error
}

func story() []step {
	return []step{
		{"everything starts", (*smoke).start},
		{"both connectors can sign in", (*smoke).testConnectors},
		{"the first import brings all people", (*smoke).importAll},
		{"people change, the password changes at both ends, and a delta brings the changes", (*smoke).rotate},
		{"people change, the password changes at the directory only, and its run fails", (*smoke).breakPassword},
		{"with the new password the next delta brings what was missed", (*smoke).mendPassword},
		{"a full import finds nothing that the deltas missed", (*smoke).reconcile},
		{"no password is in the open while it runs", (*smoke).searchRunning},
		{"everything stops", (*smoke).stopAll},
		{"no password is in the open afterwards", (*smoke).searchFiles},
	}
}

func (s *smoke) testConnectors(ctx context.Context) error {
	for _, c := range s.connectors() {
		r, err := s.API.TestConnector(ctx, c.ID)
		if err := errors.Join(err, r.Err()); err != nil {
			return err
		}
	}
	return nil
}

func (s *smoke) importAll(ctx context.Context) error {
	return s.bothBring(ctx, client.Full, client.Counts{Added: stack.People})
}

func (s *smoke) rotate(ctx context.Context) error {
	if err := s.changePeople(ctx); err != nil {
		return err
	}
	password := s.newPassword()
	s.Directory.SetPassword(password)
	if err := s.StorePassword(ctx, password); err != nil {
		return err
	}
	return s.bothBring(ctx, client.Delta, client.Counts{Updated: changed})
}

func (s *smoke) breakPassword(ctx context.Context) error {
	if err := s.changePeople(ctx); err != nil {
		return err
	}
	before, err := s.API.Connector(ctx, s.DirectoryConnector.ID)
	if err != nil {
		return err
	}
	s.Directory.SetPassword(s.newPassword())
	runs, err := s.Import(ctx, client.Delta, s.connectors()...)
	if err != nil {
		return err
	}
	// One connector's failure is not the other's.
	fromHR, fromDirectory := runs[0], runs[1]
	if err := brings(fromHR, client.Counts{Updated: changed}); err != nil {
		return err
	}
	if err := errors.Join(
		equal("the status of the run with the wrong password", "Failed", fromDirectory.Status),
		equal("its reason", "CONNECTED_SYSTEM", fromDirectory.Reason),
		contains("its error", fromDirectory.Error, "Invalid Credentials"),
		contains("its error", fromDirectory.Error, directory.RefusedPassword),
		equal("what it did", client.Counts{}, fromDirectory.Counts),
	); err != nil {
		return err
	}
	after, err := s.API.Connector(ctx, s.DirectoryConnector.ID)
	if err != nil {
		return err
	}
	if before.State.Watermark == "" {
		return errors.New("expected a watermark after the first import, found none")
	}
	return errors.Join(
		equal("the watermark after the failure", before.State.Watermark, after.State.Watermark),
		s.allPresent(ctx, s.DirectoryConnector))
}

func (s *smoke) mendPassword(ctx context.Context) error {
	if err := s.StorePassword(ctx, s.passwords[len(s.passwords)-1]); err != nil {
		return err
	}
	runs, err := s.Import(ctx, client.Delta, s.connectors()...)
	if err != nil {
		return err
	}
	return errors.Join(brings(runs[0], client.Counts{}), brings(runs[1], client.Counts{Updated: changed}))
}

func (s *smoke) reconcile(ctx context.Context) error {
	if err := s.bothBring(ctx, client.Full, client.Counts{}); err != nil {
		return err
	}
	return errors.Join(s.allPresent(ctx, s.HRConnector), s.allPresent(ctx, s.DirectoryConnector))
}

// changePeople changes some people at each source, others than the last time.
func (s *smoke) changePeople(ctx context.Context) error {
	n, err := s.HR.ChangePeople(ctx, changed)
	if err != nil {
		return err
	}
	return errors.Join(
		equal("people changed in HR", changed, n),
		equal("people changed in the directory", changed, s.Directory.ModifyPeople(changed)))
}

// bothBring runs both connectors at the same time.
func (s *smoke) bothBring(ctx context.Context, kind string, want client.Counts) error {
	runs, err := s.Import(ctx, kind, s.connectors()...)
	if err != nil {
		return err
	}
	return errors.Join(brings(runs[0], want), brings(runs[1], want))
}

func (s *smoke) connectors() []client.Connector {
	return []client.Connector{s.HRConnector, s.DirectoryConnector}
}

func (s *smoke) allPresent(ctx context.Context, c client.Connector) error {
	found := 0
	for cursor := ""; ; {
		page, next, err := s.API.Objects(ctx, c.ID, 400, cursor)
		if err != nil {
			return err
		}
		found += len(page)
		if cursor = next; cursor == "" {
			return equal("the people of "+c.Name, stack.People, found)
		}
	}
}
