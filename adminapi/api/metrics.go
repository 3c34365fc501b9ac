package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/identitymesh/identitymesh/adminapi/authz"
)

func (a *API) metrics() {
	register(a, authz.StatusRead, huma.Operation{
		OperationID: "get-metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{tagStatus},
		Summary: "Read the metrics of the Admin API's process", Description: "In the text format of Prometheus, which sends a token as any other client.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The metrics.", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, func(context.Context, *struct{}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			a.Metrics.ServeHTTP(w, r)
		}}, nil
	})
}
