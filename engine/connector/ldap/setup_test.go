package ldap_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/connector/ldap"
	"github.com/identitymesh/identitymesh/engine/connector/ldap/ldaptest"
	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const passwordRef = "secret://ldap/sync/password"

// settings are a connector's configuration.
type settings map[string]any

func (s settings) with(key string, value any) settings {
	c := maps.Clone(s)
	c[key] = value
	return c
}

func slapdSettings(s *ldaptest.Server) settings {
	return settings{
		"host": s.Host, "port": s.TLSPort, "security": "ldaps", "tls": settings{"caFile": s.CAFile},
		"bindDn": ldaptest.SyncDN, "passwordSecretRef": passwordRef, "baseDn": ldaptest.PeopleDN,
		"attributes": []string{"uid", "cn", "mail", "title"}, "pageSize": 500,
	}
}

func open(t *testing.T, config settings, password string) (connector.Connector, *logtest.Buffer) {
	t.Helper()
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	logs := &logtest.Buffer{}
	env := connector.Environment{Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: time.Now}
	value := secret.NewValue([]byte(password))
	c, err := ldap.Kind{}.Open(raw, map[secret.Ref]secret.Value{passwordRef: value}, env)
	if err != nil {
		t.Fatal(err)
	}
	value.Wipe()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(logs.String(), password) && password != "" {
			t.Error("the log holds the password")
		}
	})
	return c, logs
}

// sink is the run's side of an import.
type sink struct {
	pages   []connector.Page
	objects map[string]identity.Object
	gone    []string
	onPage  func(n int) error
}

func (s *sink) emit(_ context.Context, p connector.Page) error {
	s.pages = append(s.pages, p)
	if s.objects == nil {
		s.objects = map[string]identity.Object{}
	}
	for _, o := range p.Objects {
		s.objects[o.Anchor] = o
	}
	s.gone = append(s.gone, p.Gone...)
	if s.onPage != nil {
		return s.onPage(len(s.pages))
	}
	return nil
}

func (s *sink) titles() []string {
	var all []string
	for _, o := range s.objects {
		all = append(all, o.Get("title")...)
	}
	slices.Sort(all)
	return all
}

func full(t *testing.T, c connector.Connector, s *sink) connector.Watermark {
	t.Helper()
	out, err := c.FullImport(t.Context(), s.emit)
	if err != nil {
		t.Fatal(err)
	}
	if out.Watermark == "" {
		t.Fatal("a full import gave no watermark")
	}
	return out.Watermark
}

func delta(t *testing.T, c connector.Connector, since connector.Watermark, s *sink) connector.Watermark {
	t.Helper()
	out, err := c.DeltaImport(t.Context(), since, s.emit)
	if err != nil {
		t.Fatal(err)
	}
	return out.Watermark
}

// failed checks an error and that it says all of words.
func failed(t *testing.T, out connector.Outcome, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("expected an error")
	}
	if out.Watermark != "" {
		t.Errorf("a failed import returned watermark %s", out.Watermark)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}
