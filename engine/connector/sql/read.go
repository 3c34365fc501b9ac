package sqlconn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/identitymesh/identitymesh/engine/connector"
)

// FullImport reads fullQuery, or query from the lowest watermark on.
func (c *Connector) FullImport(ctx context.Context, emit connector.Emit) (connector.Outcome, error) {
	q := c.cfg.query
	if c.cfg.fullQuery.text != "" {
		q = c.cfg.fullQuery
	}
	return c.read(ctx, q, c.cfg.lowest(), nil, emit)
}

// DeltaImport reads query from the watermark less the overlap on.
func (c *Connector) DeltaImport(ctx context.Context, since connector.Watermark, emit connector.Emit) (connector.Outcome, error) {
	p, err := c.cfg.since(since)
	if err != nil {
		return connector.Outcome{}, err
	}
	return c.read(ctx, c.cfg.query, c.cfg.argument(p), &p, emit)
}

// read runs q and emits its rows. Memory is that of one page.
func (c *Connector) read(ctx context.Context, q query, from any, floor *point, emit connector.Emit) (connector.Outcome, error) {
	s, err := c.connect(ctx)
	if err != nil {
		return connector.Outcome{}, err
	}
	defer s.close()
	began := c.now()
	t := &tracker{cfg: &c.cfg, floor: floor, latest: began.Add(futureAllowance)}
	var page connector.Page
	send := func() error {
		if c.cfg.ordered {
			page.Checkpoint = t.watermark(c.now().Sub(began))
		}
		full := page
		page = connector.Page{}
		return emit(ctx, full)
	}
	err = c.rows(ctx, s, q, from, func(r *result) error {
		r.add(&page, c.cfg.objectType)
		if r.delta != nil {
			if err := t.add(r.delta); err != nil {
				return err
			}
		}
		if len(page.Objects)+len(page.Rejected) < c.cfg.pageSize {
			return nil
		}
		return send()
	})
	if err == nil && len(page.Objects)+len(page.Rejected) > 0 {
		err = send()
	}
	if err != nil {
		return connector.Outcome{}, err
	}
	if t.future > 0 {
		c.logger.WarnContext(ctx, "rows dated more than a day ahead were imported but did not move the watermark",
			"rows", t.future, "column", c.cfg.deltaColumn)
	}
	if c.cfg.deltaColumn == "" {
		return connector.Outcome{}, nil
	}
	return connector.Outcome{Watermark: t.watermark(c.now().Sub(began))}, nil
}

// rows runs q and calls each for every row. It returns nil only when the server
// said that there are no more.
func (c *Connector) rows(parent context.Context, s *session, q query, from any, each func(*result) error) error {
	// Breaking off must come before Close, which would read all that is left.
	ctx, cancel := context.WithTimeout(parent, c.cfg.timeout)
	defer cancel()
	fail := func(did string, err error) error {
		if ctx.Err() != nil && parent.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("it took longer than the timeout of %s: %w", c.cfg.timeout, err)
		}
		return s.fail(did, err)
	}
	rows, err := c.start(ctx, s, q, from)
	if err != nil {
		return fail("run the import query", err)
	}
	defer func() {
		cancel()
		_ = rows.Close()
	}()
	r, err := c.newResult(rows)
	if err != nil {
		return fail("read the columns of the import query", err)
	}
	for rows.Next() {
		r.row++
		if err := rows.Scan(r.targets...); err != nil {
			return fail("read a row", err)
		}
		if err := each(r); err != nil {
			return err
		}
	}
	if rows.NextResultSet() {
		return s.fail("read the rows", errors.New("the query returned more than one result; only one is allowed"))
	}
	if err := rows.Err(); err != nil {
		return fail("read the rows", err)
	}
	if err := rows.Close(); err != nil {
		return fail("read the rows", err)
	}
	return nil
}

func (c *Connector) start(ctx context.Context, s *session, q query, from any) (*sql.Rows, error) {
	args := q.args(c.cfg.dialect, from)
	if !c.cfg.dialect.prepare {
		return s.conn.QueryContext(ctx, q.text, args...)
	}
	statement, err := s.conn.PrepareContext(ctx, q.text)
	if err != nil {
		return nil, err
	}
	// Closing it would disturb the rows; it ends with the connection.
	return statement.QueryContext(ctx, args...)
}
