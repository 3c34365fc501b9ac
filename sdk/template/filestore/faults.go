package filestore

import (
	"context"
	"errors"
	"io/fs"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// diskFault keeps the operating system's words and finds the reason for them. What
// was tried stands before them.
func diskFault(ctx context.Context, tried string, err error) error {
	var already *fault.Error
	if errors.As(err, &already) {
		return already
	}
	reason := fault.Unavailable
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		reason = fault.Cancelled
	case ctx.Err() != nil:
		reason = fault.Timeout
	case errors.Is(err, fs.ErrPermission):
		reason = fault.AccessDenied
	}
	return fault.Wrap(reason, fault.SourceBackend, tried, err)
}
