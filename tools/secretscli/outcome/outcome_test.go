package outcome_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/tools/secretscli/outcome"
)

func invalid() error {
	var list diag.List
	list.Errorf("Engine:PollInterval", "expected a duration")
	list.Warnf("Secrets:Provder", "unknown key")
	return list.Err()
}

func TestCode(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"no error is 0": {nil, 0},
		"a level that was not reached is its own":   {&outcome.Reported{Code: outcome.LevelWriter}, 12},
		"a report of failed checks is 1":            {&outcome.Reported{Code: outcome.Failed}, 1},
		"an error of another kind is 1":             {errors.New("disk full"), 1},
		"an interrupt is 1":                         {context.Canceled, 1},
		"a wrapped usage error is 2":                {fmt.Errorf("set: %w", outcome.Usagef("no")), 2},
		"a configuration with errors is 4":          {invalid(), 4},
		"a fault deeper in the chain is recognized": {fmt.Errorf("x: %w", fault.New(fault.NotFound, fault.SourceBackend, "")), 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outcome.Code(c.err); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
	want := map[fault.Reason]int{
		fault.NotFound: 3, fault.Deleted: 3, fault.ConfigInvalid: 4,
		fault.Unavailable: 5, fault.Timeout: 5, fault.Throttled: 5, fault.InvalidRef: 2, fault.TooLarge: 2,
	}
	for _, reason := range fault.Reasons() {
		code := 1
		if c, ok := want[reason]; ok {
			code = c
		}
		if got := outcome.Code(fault.New(reason, fault.SourceBackend, "")); got != code {
			t.Errorf("%s is %d, want %d", reason, got, code)
		}
	}
}

func TestWriteAsJSON(t *testing.T) {
	full := &fault.Error{Reason: fault.Throttled, Source: fault.SourceBackend, Message: "slow down\nplease",
		RetryAfter: 1500 * time.Millisecond, RequestID: "r-1", ConfigPath: "Secrets:KeyVault:VaultUri"}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a fault keeps all its facts": {full, `{"error":{"reason":"THROTTLED","source":"BACKEND","message":"slow down\nplease",` +
			`"configPath":"Secrets:KeyVault:VaultUri","retryAfterSeconds":1.5,"requestId":"r-1",` +
			`"next":"run secretscli doctor; it says what works and what does not","exitCode":5}}`},
		"a usage error": {outcome.Usagef("no ref"), `{"error":{"reason":"USAGE","message":"no ref","exitCode":2}}`},
		"all problems of a configuration": {invalid(), `{"error":{"reason":"CONFIG_INVALID","message":"the configuration cannot be used","problems":[` +
			`{"severity":"error","path":"Engine:PollInterval","summary":"expected a duration"},` +
			`{"severity":"warning","path":"Secrets:Provder","summary":"unknown key"}],"exitCode":4}}`},
		"an interrupt":        {fmt.Errorf("read: %w", context.Canceled), `{"error":{"reason":"CANCELLED","message":"interrupted","exitCode":1}}`},
		"a deadline":          {context.DeadlineExceeded, `{"error":{"reason":"TIMEOUT","message":"context deadline exceeded","exitCode":1}}`},
		"what nobody foresaw": {errors.New("disk full"), `{"error":{"reason":"FAILED","message":"disk full","exitCode":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			outcome.Write(&b, c.err, true)
			if got := strings.TrimSuffix(b.String(), "\n"); got != c.want || !json.Valid([]byte(got)) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWriteAsText(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a fault with the next step": {fault.New(fault.Unavailable, fault.SourceHost, "it died"),
			"error: UNAVAILABLE: it died\nnext: run secretscli doctor; it says what works and what does not\n"},
		"all problems of a configuration": {invalid(), "error: the configuration cannot be used:\n" +
			"  Engine:PollInterval: expected a duration\n  warning: Secrets:Provder: unknown key\n"},
		"nothing steers the terminal": {errors.New("a\x1b[2Jb\u202e"), "error: a\uFFFD[2Jb\uFFFD\n"},
		"no error":                    {nil, ""},
		"what was reported already":   {&outcome.Reported{Code: outcome.LevelCore}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			outcome.Write(&b, c.err, false)
			if b.String() != c.want {
				t.Errorf("got %q, want %q", b.String(), c.want)
			}
		})
	}
}
