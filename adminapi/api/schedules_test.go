package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheComingTimesOfAScheduleAreTold(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string][]string{
		"cron=30+2+*+*+*":    {"2026-03-02T02:30:00Z", "2026-03-03T02:30:00Z", "2026-03-04T02:30:00Z", "2026-03-05T02:30:00Z", "2026-03-06T02:30:00Z"},
		"cron=@yearly":       {"2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"},
		"intervalSeconds=60": {"2026-03-01T12:01:00Z", "2026-03-01T12:02:00Z", "2026-03-01T12:03:00Z", "2026-03-01T12:04:00Z", "2026-03-01T12:05:00Z"},
		"intervalSeconds=3600&due=2026-03-01T12:20:00Z": {"2026-03-01T12:20:00Z", "2026-03-01T13:20:00Z", "2026-03-01T14:20:00Z", "2026-03-01T15:20:00Z", "2026-03-01T16:20:00Z"},
	} {
		var got struct{ Items []time.Time }
		w.send("GET", "/api/schedules/upcoming?"+query, "").is(t, http.StatusOK, &got)
		var times []string
		for _, at := range got.Items {
			times = append(times, at.Format(time.RFC3339))
		}
		if !slices.Equal(times, want) {
			t.Errorf("%s: %v", query, times)
		}
	}
	for query, want := range map[string]string{
		"": "query:intervalSeconds: give either an interval or a cron expression", "cron=@daily&intervalSeconds=60": "query:cron: give either an interval or a cron expression",
		"intervalSeconds=9": "query:intervalSeconds: the interval must be at least 10s", "cron=at+noon": `query:cron: "at noon" is not a cron expression of five fields`,
		"cron=0+0+30+2+*": `query:cron: there is no time that the cron expression "0 0 30 2 *" names`,
	} {
		p := w.send("GET", "/api/schedules/upcoming?"+query, "").problem(t, http.StatusUnprocessableEntity, "invalid-input")
		if len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Path+": "+p.Errors[0].Message, want) {
			t.Errorf("%q: %+v", query, p.Errors)
		}
	}
}
