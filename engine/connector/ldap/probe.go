package ldap

import (
	"context"
	"errors"
	"fmt"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/engine/connector"
)

const sampleSize = 5

var errEnoughSeen = errors.New("the sample is complete")

// Test connects, signs in, asks the server what it is and reads a few entries.
func (c *Connector) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	s, err := c.connect(ctx)
	if err != nil {
		return report, err
	}
	defer s.close()
	root, err := s.rootDSE(ctx)
	if err != nil {
		return report, err
	}
	report.Server = root.name(c.settings.address())
	if c.settings.activeDirectory() {
		if _, err := c.position(ctx, s, root); err != nil {
			return report, err
		}
	}
	c.noteServer(ctx, &report, s, root)
	// Last, because it leaves the search unfinished.
	return report, c.sample(ctx, &report, s)
}

func (c *Connector) noteServer(ctx context.Context, report *connector.Report, s *session, root rootDSE) {
	note := func(format string, args ...any) { report.Notes = append(report.Notes, fmt.Sprintf(format, args...)) }
	if c.settings.security == securityNone {
		note("the connection is not encrypted")
	}
	if c.settings.bindDN == "" {
		note("reading anonymously")
	}
	if !root.supports(goldap.ControlTypePaging) {
		note("the server does not offer paged results; large directories may hit its size limit")
	}
	if !c.settings.activeDirectory() {
		if root.activeDirectory {
			note("this is Active Directory: set directory to %q to see deletes and to find changes reliably", directoryAD)
		}
		sorts := root.supports(goldap.ControlTypeServerSideSorting)
		switch {
		case c.settings.serverSideSort && !sorts:
			note("the server does not offer sorting: switch serverSideSort off")
		case !c.settings.serverSideSort && sorts && !root.activeDirectory:
			note("the server offers sorting: with serverSideSort on, an import that breaks off can continue where it was")
		}
		return
	}
	if err := s.seesDeleted(ctx, root, root.contextOf(c.settings.base)); err != nil {
		note("deletes are seen by full imports only: %s", err)
	}
}

func (c *Connector) sample(ctx context.Context, report *connector.Report, s *session) error {
	conv := newConverter(&c.settings)
	q := c.query("", modifyTimestamp)
	q.pageSize = sampleSize
	withoutAnchor, withoutTime := 0, 0
	_, err := s.Pages(ctx, q, func(found []entry) error {
		for _, e := range found {
			_, stamp, rejected := conv.object(e)
			if rejected != nil {
				withoutAnchor++
			}
			if stamp == "" {
				withoutTime++
			}
		}
		report.Sample = len(found)
		return errEnoughSeen
	})
	if err != nil && !errors.Is(err, errEnoughSeen) {
		return err
	}
	note := func(format string, args ...any) { report.Notes = append(report.Notes, fmt.Sprintf(format, args...)) }
	switch {
	case report.Sample == 0:
		note("the filter %s matches nothing that this account can see below %s", c.settings.filter, c.settings.baseDN)
	case withoutAnchor > 0:
		note("%d of %d entries have no single %s and would be rejected: choose another anchorAttribute", withoutAnchor, report.Sample, c.settings.anchor)
	}
	if withoutTime > 0 && !c.settings.activeDirectory() {
		note("%d of %d entries show no modifyTimestamp: deltas cannot find their changes", withoutTime, report.Sample)
	}
	if len(c.settings.attributes) == 0 {
		note("every attribute is read; a list of the few that are needed makes imports several times faster")
	}
	return nil
}
