package host_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestAConfigurationIsValidatedBesideTheProviderInForce(t *testing.T) {
	var logs bytes.Buffer
	c := host.Config{Choice: choice(`{}`), DataFolder: shortFolder(t), Logger: slog.New(slog.NewJSONHandler(&logs, nil)), Tracer: tracenoop.NewTracerProvider()}
	problems, err := host.Validate(t.Context(), c, secret.NewValue([]byte(`{"Refuse":true,"Keys":"`+canary+`"}`)))
	if err != nil || len(problems.Errors()) != 2 || len(problems.Warnings()) != 1 || problems[0].Path != "Refuse" {
		t.Errorf("%v, %v", problems, err)
	}
	if problems, err := host.Validate(t.Context(), c, secret.NewValue([]byte(`{}`))); err != nil || len(problems) != 0 {
		t.Errorf("a good one: %v, %v", problems, err)
	}
	if strings.Contains(fmt.Sprint(problems)+logs.String(), canary) {
		t.Error("the configuration was repeated")
	}
	c.Choice.Plugin.SHA256 = strings.Repeat("0", 64)
	if _, err := host.Validate(t.Context(), c, secret.NewValue([]byte(`{}`))); err == nil {
		t.Error("a file that is not the pinned one was started")
	}
	c = host.Config{Choice: choice(`{}`), DataFolder: shortFolder(t), Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider()}
	if info, err := host.Inspect(t.Context(), c); err != nil || info.Version != "1.2.3" {
		t.Errorf("inspected %+v, %v", info, err)
	}
}
