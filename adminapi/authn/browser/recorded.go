package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// recordLimit bounds one record.
const recordLimit = 10 * time.Second

// Recorded are sessions whose beginning is in the audit log; without the record
// there is none.
type Recorded struct {
	Sessions Sessions
	Log      *audit.Log
	Logger   *slog.Logger
}

// Start begins a session as [Sessions] says.
func (s Recorded) Start(w http.ResponseWriter, r *http.Request, p authz.Principal, way string) error {
	detail, err := json.Marshal(map[string]any{"wanted": map[string]string{"way": way}})
	if err != nil {
		return fmt.Errorf("describe the session for the audit log: %w", err)
	}
	address := r.RemoteAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	ctx, cancel := context.WithTimeout(r.Context(), recordLimit)
	defer cancel()
	record, err := s.Log.Begin(ctx, audit.Entry{
		Actor: p.String(), Role: string(p.Role), Address: address, Action: "session.start", Target: "sessions",
		Correlation: problem.RequestID(r.Context()), Detail: string(detail),
	})
	if err != nil {
		return err
	}
	failure := s.Sessions.Start(w, r, p, way)
	// It was begun or not by now, also for a client that has left.
	ending, stop := context.WithTimeout(context.WithoutCancel(r.Context()), recordLimit)
	defer stop()
	if err := record.End(ending, failure, string(detail)); err != nil {
		s.Logger.ErrorContext(ending, "the outcome of a change is not in the audit log as it should be", telemetry.KeyError, err,
			"request_id", problem.RequestID(r.Context()))
	}
	return failure
}
