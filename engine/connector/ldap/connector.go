package ldap

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Keys of log fields.
const (
	keyServer    = "server"
	keyEntries   = "entries"
	keyPages     = "pages"
	keyReferrals = "referrals"
	keyCount     = "count"
	keyError     = "error"
)

// Connector reads one directory. Each import and each test has a connection of
// its own, so that a password changed in between matters at once.
type Connector struct {
	settings settings
	password secret.Value
	log      *slog.Logger
	now      func() time.Time
}

var _ connector.Connector = (*Connector)(nil)

// Close wipes the password; the connector cannot be used afterwards.
func (c *Connector) Close() error {
	c.password.Wipe()
	return nil
}

// FullImport reads every entry that the filter matches.
func (c *Connector) FullImport(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
	s, err := c.connect(ctx)
	if err != nil {
		return connector.Outcome{}, err
	}
	defer s.close()
	if c.settings.activeDirectory() {
		return c.importByUSN(ctx, s, nil, emit)
	}
	return c.importByTime(ctx, s, nil, emit)
}

// DeltaImport reads the entries that changed since the watermark and, from
// Active Directory, the anchors of those that were deleted.
func (c *Connector) DeltaImport(ctx context.Context, since connector.Watermark, emit connector.Emit) (connector.Outcome, error) {
	mark, err := parseWatermark(since, &c.settings)
	if err != nil {
		return connector.Outcome{}, err
	}
	s, err := c.connect(ctx)
	if err != nil {
		return connector.Outcome{}, err
	}
	defer s.close()
	if c.settings.activeDirectory() {
		return c.importByUSN(ctx, s, &mark, emit)
	}
	return c.importByTime(ctx, s, &mark, emit)
}

// query returns the configured search, narrowed by clause when there is one.
// extra attributes are asked for beside the configured ones.
func (c *Connector) query(clause string, extra ...string) query {
	wanted := slices.Clone(c.settings.attributes)
	if len(wanted) == 0 {
		wanted = []string{"*"}
	}
	for _, name := range append(extra, c.settings.anchor) {
		known := func(w string) bool { return strings.EqualFold(w, name) }
		if !slices.ContainsFunc(wanted, known) {
			wanted = append(wanted, name)
		}
	}
	filter := c.settings.filter
	if clause != "" {
		filter = "(&" + filter + clause + ")"
	}
	return query{base: c.settings.baseDN, filter: filter, attributes: wanted, pageSize: c.settings.pageSize}
}

// read emits what q finds. With stamps it follows the entries' times, and with
// checkpoint it marks pages with what that returns.
func (c *Connector) read(ctx context.Context, from searcher, q query, stamps *timeline, checkpoint func() connector.Watermark, emit connector.Emit) error {
	conv := newConverter(&c.settings)
	sum, err := from.Pages(ctx, q, func(found []entry) error {
		page := connector.Page{Objects: make([]identity.Object, 0, len(found))}
		for _, e := range found {
			o, stamp, rejected := conv.object(e)
			if rejected != nil {
				page.Rejected = append(page.Rejected, *rejected)
			} else {
				page.Objects = append(page.Objects, o)
			}
			if stamps != nil && stamp != "" {
				stamps.observe(stamp)
			}
		}
		if checkpoint != nil {
			page.Checkpoint = checkpoint()
		}
		return emit(ctx, page)
	})
	if err != nil {
		return err
	}
	c.log.InfoContext(ctx, "directory read", keyServer, c.settings.url(), keyEntries, sum.entries, keyPages, sum.pages)
	c.warnAbout(ctx, "referrals to other servers were not followed", keyReferrals, sum.referrals)
	c.warnAbout(ctx, "the server sent only a part of the values of large attributes", keyCount, conv.cut)
	if stamps != nil {
		c.warnAbout(ctx, "entries with an unusable modifyTimestamp do not move the watermark", keyCount, stamps.unusable)
	}
	return nil
}

func (c *Connector) warnAbout(ctx context.Context, text, key string, count int) {
	if count > 0 {
		c.log.WarnContext(ctx, text, keyServer, c.settings.url(), key, count)
	}
}

// importByTime reads a generic directory, everything or, with since, what changed.
func (c *Connector) importByTime(ctx context.Context, s searcher, since *watermark, emit connector.Emit) (connector.Outcome, error) {
	stamps := &timeline{start: c.now()}
	var old time.Time
	clause := ""
	if since != nil {
		var err error
		if old, err = since.since(); err != nil {
			return connector.Outcome{}, err
		}
		clause = fmt.Sprintf("(%s>=%s)", modifyTimestamp, formatTime(old.Add(-c.settings.overlap)))
	}
	reached := func() connector.Watermark {
		at := stamps.reached(old)
		if at.IsZero() {
			return ""
		}
		return watermark{Version: watermarkVersion, Scope: c.settings.scope(), ModifyTimestamp: formatTime(at)}.encode()
	}
	q := c.query(clause, modifyTimestamp)
	var checkpoint func() connector.Watermark
	if c.settings.serverSideSort {
		q.sortBy = modifyTimestamp
		warned := false
		checkpoint = func() connector.Watermark {
			if !stamps.unordered {
				return reached()
			}
			if !warned {
				warned = true
				c.log.WarnContext(ctx, "the server does not sort by modifyTimestamp; the import goes on without checkpoints", keyServer, c.settings.url())
			}
			return ""
		}
	}
	if err := c.read(ctx, s, q, stamps, checkpoint, emit); err != nil {
		return connector.Outcome{}, err
	}
	return connector.Outcome{Watermark: reached()}, nil
}
