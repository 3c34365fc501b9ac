package sqlconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/identitymesh/identitymesh/engine/connector"
)

// Test connects, asks the server for its version and reads the first rows of
// every configured query.
func (c *Connector) Test(ctx context.Context) (connector.Report, error) {
	report, err := c.inspect(ctx)
	if err != nil {
		return connector.Report{}, err
	}
	report.Sample, err = c.sample(ctx, c.cfg.query)
	if err != nil {
		return connector.Report{}, err
	}
	if c.cfg.fullQuery.text != "" {
		if report.Sample, err = c.sample(ctx, c.cfg.fullQuery); err != nil {
			return connector.Report{}, fmt.Errorf("fullQuery: %w", err)
		}
	}
	note := func(when bool, format string, args ...any) {
		if when {
			report.Notes = append(report.Notes, fmt.Sprintf(format, args...))
		}
	}
	delta := c.cfg.deltaColumn != ""
	note(report.Sample == 0, "the query returned no object; a full import would count every known object as gone")
	note(!delta, "no deltaColumn is configured, so every run reads everything")
	note(delta && c.cfg.fullQuery.text == "",
		"a full import leaves out rows whose %s is NULL; a fullQuery without %s would include them", c.cfg.deltaColumn, parameter)
	note(delta && !c.cfg.ordered,
		"orderedByDelta is off, so a run that breaks off starts again from its beginning")
	return report, nil
}

// inspect asks the server about itself.
func (c *Connector) inspect(ctx context.Context) (connector.Report, error) {
	s, err := c.connect(ctx)
	if err != nil {
		return connector.Report{}, err
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var version string
	if err := s.conn.QueryRowContext(ctx, c.cfg.dialect.version).Scan(&version); err != nil {
		return connector.Report{}, s.fail("ask for the version", err)
	}
	version, _, _ = strings.Cut(version, "\n")
	report := connector.Report{Server: strings.TrimSpace(version)}
	for _, check := range c.cfg.dialect.checks {
		var answer string
		err := s.conn.QueryRowContext(ctx, check.query).Scan(&answer)
		if err == nil && answer == check.warn && !slices.Contains(report.Notes, check.note) {
			report.Notes = append(report.Notes, check.note)
		}
	}
	return report, nil
}

// sampleRows is how many rows a test reads of each query.
const sampleRows = 5

var errEnough = errors.New("enough rows were read")

// sample reads the first rows of q as an import would, and stages nothing.
func (c *Connector) sample(ctx context.Context, q query) (int, error) {
	s, err := c.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer s.close()
	t := &tracker{cfg: &c.cfg, latest: c.now().Add(futureAllowance)}
	var page connector.Page
	err = c.rows(ctx, s, q, c.cfg.lowest(), func(r *result) error {
		r.add(&page, c.cfg.objectType)
		if r.delta != nil {
			if err := t.add(r.delta); err != nil {
				return err
			}
		}
		if r.row == sampleRows {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return 0, err
	}
	return len(page.Objects), nil
}
