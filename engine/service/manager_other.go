//go:build !linux && !windows

package service

import (
	"context"
	"errors"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

var errUnsupported = errors.New("services are there on Windows and on Linux with systemd; here the program runs in the foreground, without the command service")

func (p Program) defaultName() string { return p.Unit }

func installFlags() []cli.Flag { return nil }

func installOptions(*cli.Context, *installation) error { return nil }

func serviceEnviron() []string { return nil }

func servicePlatform() *appsettings.Platform { return nil }

func (p Program) install(installation, io.Writer) error { return errUnsupported }

func (p Program) control(context.Context, string, string, io.Writer) error { return errUnsupported }

func (p Program) run(context.Context, string, string) error { return errUnsupported }
