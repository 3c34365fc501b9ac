package pluginmain_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// reader is the least that a provider can be.
type reader struct{ err error }

func (r *reader) Describe(_ context.Context, ref secret.Ref) (secret.Metadata, error) {
	return secret.Metadata{Ref: ref, Name: naming.Name(string(ref)), Version: "1"}, r.err
}

func (r *reader) Get(ctx context.Context, ref secret.Ref, _ secret.Version) (secret.Secret, error) {
	if ref == "secret://hang" {
		<-ctx.Done()
		return secret.Secret{}, ctx.Err()
	}
	m, err := r.Describe(ctx, ref)
	if ref == "secret://large" {
		return secret.Secret{Metadata: m, Value: secret.NewValue(make([]byte, 5<<20))}, err
	}
	return secret.Secret{Metadata: m}, err
}

// writer is a reader that also writes, and says what it was given.
type writer struct {
	reader
	mu     sync.Mutex
	got    provider.SetRequest
	closed bool
}

func (w *writer) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	req.Value = req.Value.Clone()
	w.got = req
	m, err := w.Describe(ctx, req.Ref)
	m.Expires = req.Expires
	return m, err
}

func (w *writer) Delete(context.Context, secret.Ref) error { return nil }

func (w *writer) Close() error { w.closed = true; return nil }

func define[P provider.Provider](p P, traits provider.Traits, limits provider.Limits) provider.Definition[P] {
	return provider.Definition[P]{Name: "test", Version: "1.0.0", Traits: traits, Limits: limits,
		Open: func(context.Context, provider.Environment) (P, diag.List) { return p, nil }}
}

func TestOnlyWhatIsImplementedIsClaimed(t *testing.T) {
	all := provider.Traits{ListComplete: true, ConditionalSet: true, Expiry: true, Tags: true, HostBound: true}
	least := plugintest.Open(t, define(&reader{}, all, provider.Limits{}), nil).Info().Capabilities
	if len(least) != 1 || !least.Has(facade.HostBound) {
		t.Errorf("a reader claims %v", least)
	}
	more := plugintest.Open(t, define(&writer{}, all, provider.Limits{}), nil).Info().Capabilities
	for _, c := range []facade.Capability{facade.Write, facade.Delete, facade.ConditionalSet, facade.Expiry, facade.Tags} {
		if !more.Has(c) {
			t.Errorf("a writer does not claim %s", c)
		}
	}
	if more.Has(facade.List) || more.Has(facade.ListComplete) {
		t.Errorf("a writer that cannot list claims %v", more)
	}
}

func TestSetArrivesWhole(t *testing.T) {
	w := &writer{}
	c := plugintest.Open(t, define(w, provider.Traits{ConditionalSet: true, Expiry: true, Tags: true}, provider.Limits{}), nil)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	none := secret.Version("")
	expires := time.Date(2027, 1, 2, 3, 4, 5, 6, time.UTC)
	if _, err := c.Set(t.Context(), provider.SetRequest{
		Ref: "secret://a", Value: secret.NewValue(every), Expected: &none, Expires: expires, Tags: map[string]string{"k": "v"},
	}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.got.Value.Reveal(), every) || w.got.Expected == nil || *w.got.Expected != "" || !w.got.Expires.Equal(expires) || w.got.Tags["k"] != "v" {
		t.Errorf("the provider got %+v", w.got)
	}
}

func TestValueThatTheContractCannotCarryIsToldByItsName(t *testing.T) {
	c := plugintest.Open(t, define(&reader{}, provider.Traits{}, provider.Limits{}), nil)
	_, err := c.Get(t.Context(), "secret://large", secret.Current)
	if fault.Of(err) != fault.TooLarge || !strings.Contains(err.Error(), "1048576") {
		t.Errorf("got %v", err)
	}
}

func TestUntypedErrorKeepsItsTextInThePlugin(t *testing.T) {
	c := plugintest.Open(t, define(&reader{err: context.DeadlineExceeded}, provider.Traits{}, provider.Limits{}), nil)
	if _, err := c.Describe(t.Context(), "secret://a"); fault.Of(err) != fault.Timeout {
		t.Errorf("a deadline: %v", err)
	}
	typed := fault.New(fault.AccessDenied, fault.SourceBackend, "the store's words")
	c = plugintest.Open(t, define(&reader{err: typed}, provider.Traits{}, provider.Limits{}), nil)
	if _, err := c.Describe(t.Context(), "secret://a"); fault.Of(err) != fault.AccessDenied || !strings.Contains(err.Error(), "the store's words") {
		t.Errorf("a typed one: %v", err)
	}
}

func TestDeadlineOfTheCallerReachesTheProvider(t *testing.T) {
	c := plugintest.Open(t, define(&reader{}, provider.Traits{}, provider.Limits{}), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, "secret://hang", secret.Current); fault.Of(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
}

func TestDrainedPluginTakesNoCalls(t *testing.T) {
	c := plugintest.Open(t, define(&reader{}, provider.Traits{}, provider.Limits{}), nil)
	if err := c.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	// To the host this is the plugin going away: a read is made again on the next.
	var e *fault.Error
	if _, err := c.Describe(t.Context(), "secret://a"); !errors.As(err, &e) || e.Reason != fault.Unavailable ||
		e.Source != fault.SourcePlugin || !strings.Contains(err.Error(), "draining") {
		t.Errorf("got %v", err)
	}
}

func TestSecondConfigurationReplacesAndClosesTheFirst(t *testing.T) {
	first, second := &writer{}, &writer{}
	opened := []*writer{first, second}
	def := provider.Definition[*writer]{Name: "test", Version: "1.0.0",
		Open: func(context.Context, provider.Environment) (*writer, diag.List) {
			w := opened[0]
			opened = opened[1:]
			return w, nil
		}}
	c := plugintest.Open(t, def, nil)
	if _, err := c.Configure(t.Context(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if !first.closed || second.closed {
		t.Errorf("closed: first %v, second %v", first.closed, second.closed)
	}
}

func TestProviderThatIsRefusedIsClosed(t *testing.T) {
	for name, c := range map[string]struct{ opened *writer }{"one that was opened": {&writer{}}, "none": {nil}} {
		t.Run(name, func(t *testing.T) {
			def := provider.Definition[*writer]{
				Name: "writer", Version: "1.0.0",
				Open: func(context.Context, provider.Environment) (*writer, diag.List) {
					var problems diag.List
					problems.Errorf("Key", "is wrong")
					return c.opened, problems
				},
			}
			if _, problems := plugintest.Try(t, def, nil); len(problems) != 1 || problems[0].Path != "Key" {
				t.Errorf("problems %v", problems)
			}
			if c.opened != nil && !c.opened.closed {
				t.Error("it was not closed")
			}
		})
	}
}

func TestManyWarningsDoNotHideAnError(t *testing.T) {
	def := define(&reader{}, provider.Traits{}, provider.Limits{})
	def.Open = func(context.Context, provider.Environment) (*reader, diag.List) {
		var problems diag.List
		for range 150 {
			problems.Warnf("Key", "is odd")
		}
		problems.Errorf("Other", "is wrong")
		return nil, problems
	}
	if _, problems := plugintest.Try(t, def, nil); !problems.HasErrors() || len(problems) != 100 {
		t.Errorf("%d problems, with an error: %v", len(problems), problems.HasErrors())
	}
}
