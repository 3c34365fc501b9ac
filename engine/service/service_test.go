package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/engine/service"
	"github.com/identitymesh/identitymesh/sdk/boot"
)

func TestProgramThatDoesNotEndInTimeIsBrokenOff(t *testing.T) {
	failed := errors.New("disk full")
	for name, c := range map[string]struct {
		takes time.Duration // from the stop to the end
		err   error
		late  bool
	}{
		"one that ends at once":           {0, nil, false},
		"one that ends in time":           {8 * time.Second, nil, false},
		"one that fails while it ends":    {time.Second, failed, false},
		"one that something keeps":        {time.Hour, nil, true},
		"one that ends a little too late": {service.StopLimit + time.Millisecond, failed, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				p := service.Program{Serve: func(ctx context.Context, s service.Session) error {
					if s.ConfigFile != "x.json" || s.Files || s.Events != nil {
						t.Errorf("session %+v", s)
					}
					s.Ready()
					<-ctx.Done()
					time.Sleep(c.takes)
					return c.err
				}}
				var stopped time.Time
				go func() { time.Sleep(time.Minute); stopped = time.Now(); stop() }()
				err := service.Foreground(ctx, p, "x.json")
				if c.late != (err != nil && strings.Contains(err.Error(), "did not end in time")) || !c.late && !errors.Is(err, c.err) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(stopped); took > service.StopLimit || !c.late && took != c.takes {
					t.Errorf("it took %s", took)
				}
				time.Sleep(2 * time.Hour) // what was broken off ends with the test
			})
		})
	}
}

func TestProgramThatFailsByItselfEndsAtOnce(t *testing.T) {
	failed := errors.New("port in use")
	p := service.Program{Serve: func(context.Context, service.Session) error { return failed }}
	if err := service.Foreground(t.Context(), p, ""); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}

// app is a program with the command, as the product's mains build it.
func app(p service.Program, out *strings.Builder) *cli.App {
	return &cli.App{Name: "test", Writer: out, ErrWriter: out, Flags: []cli.Flag{service.ConfigFlag()},
		Commands: []*cli.Command{service.Command(p)}, ExitErrHandler: func(*cli.Context, error) {}}
}

var program = service.Program{
	Name: "IdentityMeshTest", DisplayName: "IdentityMesh Test", Unit: "identitymesh-test", Description: "Tests.", Page: "https://example.test/",
}

func TestWrongCommandLinesAreTold(t *testing.T) {
	for _, args := range [][]string{{"service"}, {"service", "install", "now"}, {"service", "start", "--bogus"}, {"service", "run", "x"}} {
		var out strings.Builder
		err := app(program, &out).RunContext(t.Context(), append([]string{"test"}, args...))
		var usage *boot.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestConfigurationThatCannotBeUsedIsNotInstalled(t *testing.T) {
	var out strings.Builder
	err := app(program, &out).RunContext(t.Context(), []string{"test", "service", "install", "--config", "none.json"})
	if err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("got %v", err)
	}
}
