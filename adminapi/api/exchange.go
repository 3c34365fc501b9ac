package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Exchange is for operations that read or set cookies.
type Exchange struct {
	w http.ResponseWriter
	r *http.Request
}

// Resolve keeps the request and its answer; the framework calls it.
func (e *Exchange) Resolve(ctx huma.Context) []error {
	e.r, e.w = humago.Unwrap(ctx)
	return nil
}
