package ldap

import (
	"context"
	"errors"
	"fmt"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/identitymesh/identitymesh/engine/connector"
)

// position says how far a domain controller has counted.
func (c *Connector) position(ctx context.Context, s *session, root rootDSE) (watermark, error) {
	if root.highestCommitted == 0 || root.dsServiceName == "" {
		return watermark{}, fmt.Errorf("%s does not answer as Active Directory does (its rootDSE has no highestCommittedUSN or no dsServiceName): set directory to %q", c.settings.url(), directoryLDAP)
	}
	ntds, err := s.object(ctx, root.dsServiceName, "invocationId")
	if err != nil {
		return watermark{}, fmt.Errorf("identify the domain controller: %w", err)
	}
	id, ok := guidText(string(ntds.GetEqualFoldRawAttributeValue("invocationId")))
	if !ok {
		return watermark{}, fmt.Errorf("identify the domain controller: %s has no readable invocationId; give this account the right to read it", root.dsServiceName)
	}
	return watermark{
		Version: watermarkVersion, Scope: c.settings.scope(),
		USN: root.highestCommitted, InvocationID: id, Server: root.dnsHostName,
	}, nil
}

// continues returns nil when what since counted can be continued at now.
func (now watermark) continues(since watermark) error {
	switch {
	case since.InvocationID != now.InvocationID:
		return &connector.FullRequiredError{Why: fmt.Sprintf(
			"another domain controller answers, or it was restored: the last import read %s (invocation id %s), this is %s (invocation id %s)",
			since.Server, since.InvocationID, now.Server, now.InvocationID)}
	case now.USN < since.USN:
		return &connector.FullRequiredError{Why: fmt.Sprintf(
			"the update counter of domain controller %s went back from %d to %d, as after a restored snapshot", now.Server, since.USN, now.USN)}
	}
	return nil
}

// importByUSN reads Active Directory, everything or, with since, what changed
// and what was deleted. The counter is read before the search, so that what
// changes meanwhile is read again by the next delta.
func (c *Connector) importByUSN(ctx context.Context, s *session, since *watermark, emit connector.Emit) (connector.Outcome, error) {
	root, err := s.rootDSE(ctx)
	if err != nil {
		return connector.Outcome{}, err
	}
	now, err := c.position(ctx, s, root)
	if err != nil {
		return connector.Outcome{}, err
	}
	clause := ""
	if since != nil {
		if err := now.continues(*since); err != nil {
			return connector.Outcome{}, err
		}
		clause = fmt.Sprintf("(uSNChanged>=%d)", max(0, since.USN+1-int64(c.settings.overlapUSN)))
	}
	if err := c.read(ctx, s, c.query(clause), nil, nil, emit); err != nil {
		return connector.Outcome{}, err
	}
	if since != nil {
		if err := c.readDeleted(ctx, s, root, clause, emit); err != nil {
			return connector.Outcome{}, err
		}
	}
	return connector.Outcome{Watermark: now.encode()}, nil
}

// readDeleted emits the anchors of deleted objects. It takes those of the whole
// naming context: where an object lived is lost when its parent was deleted too,
// and an anchor that was never imported does no harm.
func (c *Connector) readDeleted(ctx context.Context, s *session, root rootDSE, changed string, emit connector.Emit) error {
	nc := root.contextOf(c.settings.base)
	if err := s.seesDeleted(ctx, root, nc); err != nil {
		if ctx.Err() != nil || s.conn.IsClosing() {
			return err
		}
		c.log.WarnContext(ctx, "deleted objects cannot be read; deletes are seen by the next full import", keyServer, c.settings.url(), keyError, err)
		return nil
	}
	conv := newConverter(&c.settings)
	unnamed := 0
	q := query{base: nc, filter: "(&(isDeleted=TRUE)" + changed + ")", attributes: []string{c.settings.anchor}, pageSize: c.settings.pageSize, showDeleted: true}
	_, err := s.Pages(ctx, q, func(found []entry) error {
		var page connector.Page
		for _, e := range found {
			if o, _, rejected := conv.object(e); rejected == nil {
				page.Gone = append(page.Gone, o.Anchor)
			} else {
				unnamed++
			}
		}
		if len(page.Gone) == 0 {
			return nil
		}
		return emit(ctx, page)
	})
	if err != nil {
		return err
	}
	c.warnAbout(ctx, "deleted objects without anchor; their deletes are seen by the next full import", keyCount, unnamed)
	return nil
}

// seesDeleted returns why tombstones cannot be read. Active Directory does not
// refuse such a search, it finds nothing; only the container tells.
func (s *session) seesDeleted(ctx context.Context, root rootDSE, nc string) error {
	if nc == "" {
		return errors.New("the server does not say which naming context baseDn lies in")
	}
	if !root.supports(goldap.ControlTypeMicrosoftShowDeleted) {
		return errors.New("the server does not offer the control that shows deleted objects")
	}
	show := []goldap.Control{goldap.NewControlMicrosoftShowDeleted()}
	if _, err := s.objectWith(ctx, "CN=Deleted Objects,"+nc, show, "objectClass"); err != nil {
		return fmt.Errorf("this account may not read the deleted objects: %w", err)
	}
	return nil
}
