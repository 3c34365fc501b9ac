package vault_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
)

// allocated runs f and returns how many bytes it made the process allocate.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const (
	most   = 128 << 20 // is sent
	enough = 24 << 20  // is far below that, and far above what reading needs
)

func TestAnEndlessAnswerIsReadToItsBoundOnly(t *testing.T) {
	var sent atomic.Int64
	endless := func(w io.Writer, piece string) {
		for sent.Load() < most {
			n, err := io.WriteString(w, piece)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	piece := strings.Repeat("x", 64<<10)
	tests := map[string]struct {
		answer http.HandlerFunc
		want   fault.Reason
		says   string
	}{
		"a value": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"value":"`)
			endless(w, piece)
		}, fault.Unavailable, "more than 1048576 bytes"},
		"a compressed value": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
			_, _ = io.WriteString(z, `{"value":"`)
			sent.Store(most * 7 / 8) // so much of it is enough
			endless(z, piece)
		}, fault.Unavailable, "more than 1048576 bytes"},
		"a refusal": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			endless(w, piece)
		}, fault.AccessDenied, "[...]"},
		"a redirect": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			endless(w, piece)
		}, fault.Unavailable, "redirect"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sent.Store(0)
			n := serving(t, tt.answer)
			var err error
			if bytes := allocated(func() { _, _, err = n.Get(t.Context(), target("x"), "") }); bytes > enough {
				t.Errorf("%d bytes were allocated", bytes)
			}
			wantFault(t, err, tt.want, tt.says)
			if n := sent.Load(); name != "a compressed value" && n >= most {
				t.Errorf("all of %d bytes were taken", n)
			}
		})
	}
}

func TestAnEndlessAnswerToTheFirstRequestIsReadToItsBoundOnly(t *testing.T) {
	for _, status := range []int{200, 401, 503} {
		s := &stub{}
		s.challenge = func(*http.Request) (*http.Response, error) {
			r := respond(status, "", "WWW-Authenticate", challenge)
			r.Body = io.NopCloser(io.LimitReader(endlessly{}, 1<<20)) // what the transport lets through at most
			return r, nil
		}
		if _, _, err := s.client(t, time.Second).Get(t.Context(), target("x"), ""); status == 200 && err == nil {
			t.Error("a page without a challenge was taken for a secret")
		}
	}
}

type endlessly struct{}

func (endlessly) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '['
	}
	return len(p), nil
}

func TestAFloodOfHeadersIsRefused(t *testing.T) {
	n := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 2_000 {
			w.Header().Set("X-Flood-"+strconv.Itoa(i), strings.Repeat("x", 1_000))
		}
		w.WriteHeader(http.StatusOK)
	})
	var err error
	if bytes := allocated(func() { _, _, err = n.Get(t.Context(), target("x"), "") }); bytes > 4*enough {
		t.Errorf("%d bytes were allocated", bytes) // by the server too, and at each try
	}
	wantFault(t, err, fault.Unavailable)
}

func TestAnAnswerInDropsEndsWithTheDeadline(t *testing.T) {
	for name, status := range map[string]int{"of a value": 200, "of a refusal": 403, "of an outage": 503} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := serving(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				for range 10_000 {
					if _, err := io.WriteString(w, " "); err != nil {
						return
					}
					_ = http.NewResponseController(w).Flush()
					select {
					case <-time.After(20 * time.Millisecond):
					case <-r.Context().Done():
						return
					}
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			start := time.Now()
			_, _, err := n.Get(ctx, target("x"), "")
			wantFault(t, err, fault.Timeout, "waiting for the vault's answer")
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestATruncatedAnswerIsTriedAgainAndThenALostConnection(t *testing.T) {
	var requests atomic.Int32
	n := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 3 {
			_, _ = fmt.Fprintf(w, `{"value":%q,"id":"https://%s/secrets/x/0123"}`, value, host)
			return
		}
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"value":"`+value)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if text, _, err := n.Get(t.Context(), target("x"), ""); err != nil || text != value {
		t.Errorf("got %q, %v", text, err)
	}
	_, _, err := n.Get(t.Context(), target("x"), "")
	wantFault(t, err, fault.Unavailable, "lost before its answer was whole")
}

func TestARedirectIsFollowedNowhereAndCarriesNothing(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			var away, asked atomic.Int32
			n := serving(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Host, "evil") || strings.HasPrefix(r.URL.Path, "/elsewhere") {
					away.Add(1)
					_, _ = fmt.Fprintf(w, `{"value":"ZXZpbA==","id":"https://%s/secrets/x/0123"}`, host)
					return
				}
				location := "https://evil.example/secrets/x"
				if r.URL.Path == "/secrets/same/" || r.URL.Path == "/secrets/same" {
					location = "/elsewhere"
				}
				if strings.HasPrefix(r.URL.Path, "/secrets/broken") {
					location = "https://%zz/"
				}
				asked.Add(1)
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			})
			for _, name := range []string{"x", "same", "broken"} {
				_, _, err := n.Get(t.Context(), target(name), "")
				wantFault(t, err, fault.Unavailable, "redirect")
				_, err = n.Set(t.Context(), target(name), vault.Write{Text: value})
				wantFault(t, err, fault.Unavailable, "redirect")
			}
			if away.Load() != 0 || asked.Load() != 6 {
				t.Errorf("%d requests were led away, %d were asked", away.Load(), asked.Load())
			}
		})
	}
}
