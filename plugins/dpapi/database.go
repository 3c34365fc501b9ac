package dpapi

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// closeTimeout is below the time that a plugin has to leave.
const closeTimeout = time.Second

// database connects when it is first needed and, when that failed, at the next
// call: a database that is down when the plugin starts must not cost the plugin.
type database struct {
	cfg    productdb.Config
	now    func() time.Time
	tracer trace.TracerProvider

	// turn is held while the fields below are used. It is a channel because a
	// caller that waits for another's connecting must give up in time.
	turn  chan struct{}
	db    *productdb.DB
	table *rows.Table
}

func newDatabase(cfg productdb.Config, now func() time.Time, tracer trace.TracerProvider) *database {
	return &database{cfg: cfg, now: now, tracer: tracer, turn: make(chan struct{}, 1)}
}

// open returns the table. Errors are [*fault.Error].
func (d *database) open(ctx context.Context) (*rows.Table, error) {
	if err := d.takeTurn(ctx); err != nil {
		return nil, err
	}
	defer d.endTurn()
	if d.table != nil {
		return d.table, nil
	}
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	table, err := rows.Open(ctx, rows.Config{DB: d.db, Now: d.now, Tracer: d.tracer})
	if err != nil {
		return nil, databaseFault(ctx, "open IM_Secrets", err)
	}
	d.table = table
	return table, nil
}

// validate reports a connection string that cannot be used, and nothing else
// that may be wrong.
func (d *database) validate(ctx context.Context) error {
	if err := d.takeTurn(ctx); err != nil {
		return nil
	}
	defer d.endTurn()
	if err := d.prepare(ctx); fault.Is(err, fault.ConfigInvalid) {
		return err
	}
	return nil
}

// prepare makes the pool of connections, which connects to nothing but a local
// file.
func (d *database) prepare(ctx context.Context) error {
	if d.db != nil {
		return nil
	}
	db, err := productdb.Open(ctx, d.cfg)
	if err != nil {
		return databaseFault(ctx, "open the product database", err)
	}
	d.db = db
	return nil
}

// target names the database for people, or is empty when nothing is known yet.
func (d *database) target(ctx context.Context) string {
	if d.takeTurn(ctx) != nil {
		return ""
	}
	defer d.endTurn()
	if d.db == nil {
		return ""
	}
	return d.db.Target
}

// close closes the pool. It does not wait long for a call that still connects:
// the driver hears of no deadline while a server takes its connection and says
// nothing, and the process that closes is about to end.
func (d *database) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := d.takeTurn(ctx); err != nil {
		return err
	}
	defer d.endTurn()
	if d.db == nil {
		return nil
	}
	err := d.db.Close()
	d.db, d.table = nil, nil
	return err
}

func (d *database) takeTurn(ctx context.Context) error {
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return databaseFault(ctx, "wait for the product database", ctx.Err())
	}
}

func (d *database) endTurn() { <-d.turn }
