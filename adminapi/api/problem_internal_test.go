package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func TestWhatIsNotForeseenHasAProblemOfItsOwn(t *testing.T) {
	lost := fmt.Errorf("store the connector: %w", &productdb.UnknownOutcomeError{Target: "db.example.test", Err: io.ErrUnexpectedEOF})
	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	for name, c := range map[string]struct {
		ctx     context.Context
		err     error
		status  int
		outcome fault.Reason
	}{
		"internal":        {t.Context(), errors.New("no such column: x"), http.StatusInternalServerError, fault.Internal},
		"outcome-unknown": {t.Context(), lost, http.StatusServiceUnavailable, fault.Unavailable},
		"database-unavailable": {t.Context(), fmt.Errorf("list runs: %w", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}),
			http.StatusServiceUnavailable, fault.Unavailable},
		"cancelled": {given, errors.New("interrupted"), http.StatusServiceUnavailable, fault.Cancelled},
	} {
		var log strings.Builder
		a := &API{Config: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		p := a.problem(c.ctx, c.err)
		if p.Type != problem.Prefix+name || p.Status != c.status || reasonOf(p) != c.outcome {
			t.Errorf("%s: got %+v, in the audit log %s", name, p, reasonOf(p))
		}
		if strings.Contains(p.Detail, c.err.Error()) || c.ctx.Err() == nil && !strings.Contains(log.String(), c.err.Error()) {
			t.Errorf("%s: the client is told %q, the log has %s", name, p.Detail, log.String())
		}
	}
}
