package facade

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
)

// failed turns the error of a call into an outcome. All that is sent is served or
// claimed, so UNSUPPORTED is no outcome but of a check.
func (f *V1) failed(ctx context.Context, call string, err error) error {
	if err == nil {
		return nil
	}
	var u *unreadable
	if errors.As(err, &u) {
		return f.violation(call, u.rule)
	}
	e := wire.FromError(err)
	bare := len(status.Convert(err).Proto().GetDetails()) == 0
	switch {
	case e.Reason == fault.Unsupported && call != callCheck:
		return f.violation(call, rules.ClaimNotServed)
	case bare && e.Reason == fault.Timeout && ctx.Err() != nil:
		e.Message = fmt.Sprintf("plugin %s %s did not answer %s before the deadline", f.info.Name, f.info.Version, call)
		e.Cause = context.DeadlineExceeded
	case bare && e.Reason == fault.Cancelled && ctx.Err() != nil:
		e.Message, e.Source, e.Cause = "the caller gave up", fault.SourceHost, context.Canceled
	}
	return e
}
