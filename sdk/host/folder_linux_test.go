package host_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestDataFolderThatLiesDeepNeedsAnotherPlaceForSockets(t *testing.T) {
	session := shortFolder(t)
	deep := filepath.Join(shortFolder(t), strings.Repeat("deep", 20))
	r, err := host.OpenResolver(host.Config{
		Choice: choice("{}"), DataFolder: deep, Environ: []string{"XDG_RUNTIME_DIR=" + session},
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Get(t.Context(), "secret://test/pid", secret.Current); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(session, "identitymesh")); err != nil {
		t.Error(err)
	}
}

func TestFirstRuntimeDirectoryOfTheServiceHoldsTheSockets(t *testing.T) {
	service := shortFolder(t)
	r, err := host.OpenResolver(host.Config{
		Choice: choice("{}"), DataFolder: shortFolder(t), Environ: []string{"RUNTIME_DIRECTORY=" + service + ":/nowhere"},
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := os.Stat(filepath.Join(service, "plugins")); err != nil {
		t.Error(err)
	}
}
