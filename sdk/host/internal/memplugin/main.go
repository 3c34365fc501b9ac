// Command memplugin is a provider that keeps secrets in memory. It exists for
// the tests of the host, which need a real process that can be watched, killed
// and frozen.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Refs that make the provider misbehave.
const (
	refSlow        = "secret://test/slow"        // answers after SlowMillis
	refPanic       = "secret://test/panic"       // panics
	refEnvironment = "secret://test/environment" // the value is the names of the process's variables
	refPID         = "secret://test/pid"         // the value is the process id
	refBytes64     = "secret://test/bytes64"     // the value has 64 bytes, for measuring
)

type config struct {
	SlowMillis int
	Refuse     bool
	Keys       string // what RotateKey does
}

type store struct {
	config config
	mu     sync.Mutex
	values map[secret.Ref][]byte
	writes int
}

func open(_ context.Context, env provider.Environment) (*store, diag.List) {
	var problems diag.List
	s := &store{values: map[secret.Ref][]byte{}}
	if err := json.Unmarshal(env.Config, &s.config); err != nil {
		problems.Errorf("", "the configuration is not the object that was expected")
	}
	if s.config.Refuse {
		problems.Errorf("Refuse", "this provider was told to refuse")
		problems.Errorf("SlowMillis", "and has a second problem")
		problems.Warnf("Hint", "and a warning")
	}
	env.Logger.Info("provider opened")
	return s, problems
}

func (s *store) Describe(_ context.Context, ref secret.Ref) (secret.Metadata, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.values[ref]; !ok {
		return secret.Metadata{}, fault.New(fault.NotFound, fault.SourceBackend, "memory holds no secret "+ref.String())
	}
	return s.metadata(ref), nil
}

func (s *store) Get(ctx context.Context, ref secret.Ref, _ secret.Version) (secret.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[ref]
	switch string(ref) {
	case refSlow:
		select {
		case <-time.After(time.Duration(s.config.SlowMillis) * time.Millisecond):
		case <-ctx.Done():
			return secret.Secret{}, ctx.Err()
		}
		value, ok = []byte(fmt.Sprint(os.Getpid())), true
	case refPanic:
		panic("the canary is dead: " + string(s.values["secret://test/canary"]))
	case refEnvironment:
		var names []string
		for _, kv := range os.Environ() {
			name, _, _ := strings.Cut(kv, "=")
			names = append(names, name)
		}
		value, ok = []byte(strings.Join(names, " ")), true
	case refBytes64:
		value, ok = make([]byte, 64), true
	case refPID:
		value, ok = []byte(fmt.Sprint(os.Getpid())), true
	}
	if !ok {
		return secret.Secret{}, fault.New(fault.NotFound, fault.SourceBackend, "memory holds no secret "+ref.String())
	}
	return secret.Secret{Metadata: s.metadata(ref), Value: secret.NewValue(slices.Clone(value))}, nil
}

func (s *store) List(_ context.Context, req provider.ListRequest) (secret.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var page secret.Page
	for ref := range s.values {
		page.Items = append(page.Items, s.metadata(ref))
	}
	page.Complete = true
	return page, nil
}

func (s *store) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	if string(req.Ref) == refSlow {
		select {
		case <-time.After(time.Duration(s.config.SlowMillis) * time.Millisecond):
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[req.Ref] = slices.Clone(req.Value.Reveal())
	s.writes++
	return s.metadata(req.Ref), nil
}

func (s *store) Delete(_ context.Context, ref secret.Ref) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, ref)
	return nil
}

func (s *store) metadata(ref secret.Ref) secret.Metadata {
	return secret.Metadata{Ref: ref, Name: naming.Name(string(ref)), Version: "1"}
}

func main() {
	pluginmain.Main(provider.Definition[*store]{
		Name: "mem", Version: "1.2.3", Traits: provider.Traits{ListComplete: true}, Open: open,
	})
}
