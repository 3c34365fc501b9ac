package dpapi_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// store is the provider behind the real gRPC path.
type store struct {
	*plugintest.Client
	t    *testing.T
	logs *logtest.Buffer
}

func openStore(t *testing.T, folder, connection string) *store {
	t.Helper()
	return openStoreWith(t, map[string]string{"DataFolder": folder, "SqlConnectionString": connection})
}

func openStoreWith(t *testing.T, settings map[string]string) *store {
	t.Helper()
	config, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	logs := &logtest.Buffer{}
	client, problems := plugintest.TryLogging(t, dpapi.Definition("0.0.1"), config, logs)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return &store{Client: client, t: t, logs: logs}
}

func (s *store) set(ref, value string) secret.Metadata {
	s.t.Helper()
	m, err := s.Set(s.t.Context(), provider.SetRequest{Ref: secret.Ref(ref), Value: secret.NewValue([]byte(value))})
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

func (s *store) wantValue(ref, value string) {
	s.t.Helper()
	got, err := s.Get(s.t.Context(), secret.Ref(ref), secret.Current)
	if err != nil {
		s.t.Fatal(err)
	}
	if string(got.Value.Reveal()) != value {
		s.t.Errorf("%s has another value than was set", ref)
	}
}

// wantGetFault expects Get to fail so, with the words in its text.
func (s *store) wantGetFault(ref string, reason fault.Reason, words ...string) {
	s.t.Helper()
	_, err := s.Get(s.t.Context(), secret.Ref(ref), secret.Current)
	wantFault(s.t, err, reason, words...)
}

func wantFault(t *testing.T, err error, reason fault.Reason, words ...string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Reason != reason {
		t.Errorf("got %v, want %v", err, reason)
		return
	}
	for _, word := range words {
		if !strings.Contains(f.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, f)
		}
	}
}

// openDatabase looks at the embedded database of folder from outside.
func openDatabase(t *testing.T, folder string) *productdb.DB {
	t.Helper()
	db, err := productdb.Open(t.Context(), productdb.Config{DataFolder: folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t *testing.T, folder, statement string, args ...any) {
	t.Helper()
	if _, err := openDatabase(t, folder).Write.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}
