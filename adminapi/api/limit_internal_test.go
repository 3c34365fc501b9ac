package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

func TestNoOperationWaitsForLongerThanItsAnswerMayTake(t *testing.T) {
	mux := http.NewServeMux()
	a := &API{Config: Config{Logger: slog.New(slog.DiscardHandler)}, huma: humago.New(mux, huma.DefaultConfig("test", "1"))}
	var left time.Duration
	register(a, public, huma.Operation{OperationID: "wait", Method: http.MethodGet, Path: "/wait"}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		end, _ := ctx.Deadline()
		left = time.Until(end)
		return nil, nil
	})
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/wait", nil))
	if left <= 0 || left > requestLimit {
		t.Errorf("it may wait for %s", left)
	}
}
