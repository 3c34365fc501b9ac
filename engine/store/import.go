package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// ImportConfig says what is imported, and by what right.
type ImportConfig struct {
	Lease Lease
	RunID string
	// Full is a read of everything; only that can make objects absent.
	Full    bool
	TraceID string
}

// Import takes the pages of one run. Each page, and the end, is one transaction
// that fails with [ErrFenced] once the lease was lost. After an error nothing
// more is accepted. An Import is not for concurrent use and needs no closing;
// a run that fails calls [Store.Finish] instead of [Import.Complete].
type Import struct {
	store *Store
	cfg   ImportConfig
	// Since is the watermark before the import.
	since connector.Watermark
	// lastOld is the highest id of the connector before the import. Ids ascend and
	// nobody else adds objects to the connector, so all above it are new.
	lastOld int64
	// seen holds the ids up to lastOld that a full import met again.
	seen *roaring64.Bitmap

	total  Counts
	pages  int64
	logged int
	// unidentified counts rejected entries whose anchor is not known: any object
	// of the connector could be one of them.
	unidentified int64
	done         error

	page page // scratch, reused
}

// Batch is a page of a run.
type Batch struct {
	// Objects are normalized. When an anchor occurs twice, the last one counts.
	Objects []identity.Object
	// Gone are anchors that the source reported as deleted. An anchor that is in
	// Objects too is gone.
	Gone []string
	// Rejected are entries that were read but not understood.
	Rejected []connector.Rejection
	// Checkpoint, when not empty, becomes the watermark together with the page.
	Checkpoint connector.Watermark
}

var errComplete = errors.New("the import is complete")

// BeginImport checks the lease and notes in the run where it starts. The run
// must be running and not be a test.
func (s *Store) BeginImport(ctx context.Context, cfg ImportConfig) (*Import, error) {
	i := &Import{store: s, cfg: cfg}
	if cfg.Full {
		i.seen = roaring64.New()
	}
	id := cfg.Lease.ConnectorID
	begin := func(tx *sql.Tx) error {
		if err := s.fence(ctx, tx, cfg.Lease, ""); err != nil {
			return err
		}
		st, err := s.state(ctx, tx, id)
		if err != nil {
			return err
		}
		i.since = st.Watermark
		n, err := s.exec(ctx, tx, "begin import", `UPDATE IM_RunHistory SET watermark_before = @p1, watermark_after = @p1, trace_id = @p2,
			added = 0, updated = 0, unchanged = 0, absent = 0, failed = 0, pages = 0
			WHERE id = @p3 AND status = @p4 AND connector_id = @p5 AND kind <> @p6`,
			string(st.Watermark), clip(cfg.TraceID, 64), cfg.RunID, string(Running), id, string(Test))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrFenced
		}
		return s.row(ctx, tx, "last object",
			"SELECT COALESCE(MAX(id), 0) FROM IM_ManagementSpaceObjects WHERE connector_id = @p1", []any{id}, []any{&i.lastOld})
	}
	err := s.db.InWriteTx(ctx, begin)
	var unknown *productdb.UnknownOutcomeError
	if errors.As(err, &unknown) { // done twice, it is as if done once
		err = s.db.InWriteTx(ctx, begin)
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Since returns the watermark at which the import began.
func (i *Import) Since() connector.Watermark { return i.since }

// Counts returns what the committed pages did so far.
func (i *Import) Counts() Counts { return i.total }

// Complete ends the run with success: it moves the watermark, unless final is
// empty, and, when markAbsent, marks objects as absent that a full import did not
// meet. Objects that may be behind an entry that could not be read are kept: if
// the anchor of any rejected entry is unknown, none is marked, and the run's log
// says so. It returns the counts of the whole run.
func (i *Import) Complete(ctx context.Context, final connector.Watermark, markAbsent bool) (Counts, error) {
	if i.done != nil {
		return Counts{}, i.done
	}
	if markAbsent && !i.cfg.Full {
		return Counts{}, errors.New("only a full import can mark objects as absent")
	}
	s := i.store
	var total Counts
	err := s.db.InWriteTx(ctx, func(tx *sql.Tx) error {
		total = i.total
		if err := s.fence(ctx, tx, i.cfg.Lease, final); err != nil {
			return err
		}
		switch {
		case markAbsent && i.unidentified > 0:
			err := s.log(ctx, tx, i.cfg, Warning, "", "", fmt.Sprintf("no object was marked absent: %d rejected entries have no known anchor "+
				"and any object that was not met could be one of them", i.unidentified))
			if err != nil {
				return err
			}
		case markAbsent:
			n, err := i.markAbsent(ctx, tx)
			if err != nil {
				return err
			}
			total.Absent += n
		}
		if err := i.record(ctx, tx, total, i.pages, final, Succeeded); err != nil {
			return err
		}
		return s.tellRun(ctx, tx, audit.RunEnded, i.cfg.RunID)
	})
	if i.landed(ctx, err, func(r Run) bool { return r.Status == Succeeded }) {
		err = nil
	}
	if err != nil {
		i.done = err
		return Counts{}, err
	}
	i.done, i.total = errComplete, total
	return total, nil
}

// landed reports whether a transaction whose commit was not answered was carried
// out all the same, as the run's row shows. Nobody else writes a row whose lease
// we have. Whoever took the lease ended the run, and then nothing landed.
func (i *Import) landed(ctx context.Context, err error, shows func(Run) bool) bool {
	var unknown *productdb.UnknownOutcomeError
	if !errors.As(err, &unknown) {
		return false
	}
	var run Run
	// Within a transaction it waits for the end of a fail-over.
	read := i.store.db.InWriteTx(ctx, func(tx *sql.Tx) (err error) {
		run, err = i.store.run(ctx, tx, i.cfg.RunID)
		return err
	})
	return read == nil && shows(run)
}

// absentChunk is how many ids are read, and then marked, at a time.
const absentChunk = 2000

func (i *Import) markAbsent(ctx context.Context, tx *sql.Tx) (marked int64, err error) {
	s, after := i.store, int64(0)
	for {
		read := 0
		var missing []int64
		err := s.query(ctx, tx, "find unseen", func(rows *sql.Rows) error {
			if err := rows.Scan(&after); err != nil {
				return err
			}
			read++
			if !i.seen.Contains(uint64(after)) {
				missing = append(missing, after)
			}
			return nil
		}, `SELECT id FROM IM_ManagementSpaceObjects WHERE connector_id = @p1 AND id > @p2 AND id <= @p3 AND present = 1
			ORDER BY id`+s.db.Dialect.Limit("@p4"), i.cfg.Lease.ConnectorID, after, i.lastOld, absentChunk)
		if err != nil {
			return 0, err
		}
		if err := i.loseUnseen(ctx, tx, missing); err != nil {
			return 0, err
		}
		marked += int64(len(missing))
		if read < absentChunk {
			return marked, nil
		}
	}
}

// loseUnseen marks objects as absent whose ids alone are known.
func (i *Import) loseUnseen(ctx context.Context, tx *sql.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	p := &i.page
	p.inserts, p.updates, p.absent = nil, nil, p.absent[:0]
	err = i.store.query(ctx, tx, "read unseen", func(rows *sql.Rows) error {
		var v vanished
		err := rows.Scan(&v.id, &v.anchor)
		p.absent = append(p.absent, v)
		return err
	}, "SELECT id, anchor FROM IM_ManagementSpaceObjects WHERE id IN ("+i.store.numbers("@p1")+") ORDER BY id", string(list))
	if err != nil {
		return err
	}
	return i.write(ctx, tx)
}

// setAbsent marks present objects as absent.
func (i *Import) setAbsent(ctx context.Context, tx *sql.Tx, seq int64) error {
	objects := i.page.absent
	if len(objects) == 0 {
		return nil
	}
	ids := make([]int64, len(objects))
	for n := range objects {
		ids[n] = objects[n].id
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	_, err = i.store.exec(ctx, tx, "mark absent", `UPDATE IM_ManagementSpaceObjects SET present = 0, absent_since = @p1, last_run_id = @p2,
		audit_seq = @p4 WHERE id IN (`+i.store.numbers("@p3")+`)`, i.store.now(), i.cfg.RunID, string(list), seq)
	return err
}

// record writes the run's counts, so that operators see it move, and fails with
// [ErrFenced] when the run is no longer running.
func (i *Import) record(ctx context.Context, tx *sql.Tx, c Counts, pages int64, mark connector.Watermark, status Status) error {
	set, args := "", []any{c.Added, c.Updated, c.Unchanged, c.Absent, c.Failed, pages, string(status), i.cfg.RunID, string(Running)}
	if mark != "" {
		args = append(args, string(mark))
		set = fmt.Sprintf(", watermark_after = @p%d", len(args))
	}
	if status != Running {
		args = append(args, i.store.now())
		set += fmt.Sprintf(", finished = @p%d", len(args))
	}
	n, err := i.store.exec(ctx, tx, "record run", `UPDATE IM_RunHistory SET added = @p1, updated = @p2, unchanged = @p3, absent = @p4,
		failed = @p5, pages = @p6, status = @p7`+set+` WHERE id = @p8 AND status = @p9`, args...)
	if err == nil && n == 0 {
		return ErrFenced
	}
	if err != nil || status == Running {
		return err
	}
	return i.store.showRuns(ctx, tx, i.cfg.Lease.ConnectorID)
}
