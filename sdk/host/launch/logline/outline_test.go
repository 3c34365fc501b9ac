package logline_test

import (
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/host/launch/logline"
)

func TestOfALineOnlyTheTextsForPeopleAreShown(t *testing.T) {
	const canary = "canary-5f0e"
	for line, want := range map[string]string{
		`{"time":"2026-01-01T00:00:00Z","level":"WARN","msg":"request failed","error":"no answer","body":"` + canary + `"}`: "WARN request failed: no answer",
		`{"level":"INFO","msg":"ready","n":1}`:         "INFO ready",
		"panic: " + canary:                             "(18 bytes that are no structured log line; the log of the host has them)",
		`{"level":"INFO","msg":"ready","x":"` + canary: "no structured log line",
	} {
		if got := logline.Outline(line); !strings.Contains(got, want) || strings.Contains(got, canary) {
			t.Errorf("%s\nis shown as %s", line, got)
		}
	}
}
