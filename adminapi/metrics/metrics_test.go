package metrics_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/identitymesh/identitymesh/adminapi/metrics"
)

type work struct{ fails error }

func (w work) CountActive(context.Context) (int64, int64, error) { return 5, 2, w.fails }
func (w work) CountEnded(_ context.Context, since time.Time) (map[string]int64, error) {
	if !since.Equal(noon.Add(-time.Hour)) {
		return nil, errors.New("of another time")
	}
	return map[string]int64{"Failed": 3}, w.fails
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func scrape(t *testing.T, w work) string {
	t.Helper()
	e, err := metrics.NewExposition()
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(e.Reader))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	requests, err := metrics.Measure(metrics.Config{Meter: provider, Work: w, Streams: func() int { return 7 }, SignInFailures: func() int64 { return 3 }, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	requests.Done(t.Context(), "GET", "/api/runs/{id}", 200, 30*time.Millisecond)
	requests.Done(t.Context(), "POST", "/api/session", 401, time.Millisecond)
	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
	return answer.Body.String()
}

func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing", line)
		}
	}
}

func TestPrometheusSeesRequestsRunsStreamsAndTheRuntime(t *testing.T) {
	text := scrape(t, work{})
	has(t, text,
		`http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/api/runs/{id}",le="0.05"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="401",http_route="/api/session"} 1`,
		`identitymesh_adminapi_sign_in_failures_total 3`, `identitymesh_adminapi_streams 7`,
		`identitymesh_runs{status="Queued"} 5`, `identitymesh_runs{status="Running"} 2`,
		`identitymesh_runs_ended_last_hour{status="Failed"} 3`, `identitymesh_runs_ended_last_hour{status="Succeeded"} 0`)
	if !strings.Contains(text, "\ngo_goroutines ") || strings.Contains(text, "otel_scope") {
		t.Errorf("%s", text)
	}
}

func TestADatabaseThatFailsLeavesOnlyItsMetricsOut(t *testing.T) {
	text := scrape(t, work{errors.New("away")})
	has(t, text, `identitymesh_adminapi_streams 7`)
	if strings.Contains(text, "identitymesh_runs{") {
		t.Error("runs are told of without a database")
	}
}
