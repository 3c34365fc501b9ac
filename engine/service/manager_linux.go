package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// Where administrators keep what no package brings.
const (
	unitFolder     = "/etc/systemd/system"
	sysusersFolder = "/etc/sysusers.d"
	sysusersFile   = "identitymesh.conf"
	stateFolder    = "/var/lib/identitymesh"
)

func (p Program) defaultName() string { return p.Unit }

func installFlags() []cli.Flag {
	return []cli.Flag{&cli.StringFlag{Name: "root", Value: "/", Usage: "write below `FOLDER` instead, as into an image"}}
}

func installOptions(c *cli.Context, i *installation) error {
	i.root = c.String("root")
	return nil
}

// serviceEnviron is empty, and the platform that of root, because the service will
// not have the environment of whoever installs it.
func serviceEnviron() []string { return nil }

func servicePlatform() *appsettings.Platform {
	return &appsettings.Platform{GOOS: "linux", Root: true}
}

// install writes the unit and the account's declaration; systemctl does the rest.
func (p Program) install(i installation, out io.Writer) error {
	unitText, writable, err := p.unitFor(i)
	if err != nil {
		return err
	}
	for _, f := range []struct{ folder, name, text string }{
		{sysusersFolder, sysusersFile, sysusersText}, {unitFolder, i.name + ".service", unitText},
	} {
		path := filepath.Join(i.root, f.folder, f.name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), replace(path, f.text)); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		say(out, "wrote %s", path)
	}
	say(out, "Now run:\n  systemd-sysusers")
	for _, folder := range writable {
		if folder != stateFolder {
			say(out, "  install -d -m 0700 -o identitymesh -g identitymesh %s", folder)
		}
	}
	for _, file := range i.settings.Files { // which may hold a password
		say(out, "  chgrp identitymesh %s && chmod 0640 %s", file, file)
	}
	say(out, "  systemctl daemon-reload\n  systemctl enable --now %s", i.name)
	for _, path := range append([]string{i.executable}, i.settings.Files...) {
		if slices.ContainsFunc(hidden(), func(folder string) bool { return strings.HasPrefix(path, folder) }) {
			say(out, "warning: the unit hides %s from the service; move it first, as to /opt/identitymesh", path)
		}
	}
	return nil
}

// hidden are the folders that ProtectHome and PrivateTmp take from a service.
func hidden() []string { return []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"} }

func (p Program) unitFor(i installation) (text string, writable []string, err error) {
	writable = []string{i.settings.Product.DataFolder}
	if logs := i.settings.Logging.File.Folder; logs != "" && logs != writable[0] {
		writable = append(writable, logs)
	}
	text, err = unit{
		Name: i.name, DisplayName: p.DisplayName, Page: p.Page, Executable: i.executable, Config: i.config, Writable: writable,
	}.render()
	return text, writable, err
}

func replace(path, text string) error {
	return wholefile.Replace(path, 0o644, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
}

// controlLimit is more than the unit gives a start.
const controlLimit = 6 * time.Minute

// control leaves it to systemctl, which also asks for the rights that it takes.
func (p Program) control(ctx context.Context, verb, name string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	if verb != "remove" {
		return systemctl(ctx, out, verb, name)
	}
	path := filepath.Join(unitFolder, name+".service")
	if _, err := os.Lstat(path); err != nil {
		return fmt.Errorf("%s is not installed: %w; a unit that a package brought goes with the package", name, err)
	}
	if err := systemctl(ctx, out, "disable", "--now", name); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the unit: %w", err)
	}
	say(out, "removed %s; data, configuration and the account stay", path)
	return systemctl(ctx, out, "daemon-reload")
}

func systemctl(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "systemctl", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, out, os.Stderr // it may ask for a password
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("systemctl %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// run is the program under systemd, which knows by its messages when it serves.
func (p Program) run(ctx context.Context, _, configFile string) error {
	tell := func(state string) { _ = notify(os.Getenv("NOTIFY_SOCKET"), state) } // systemd's own time limits notice
	defer context.AfterFunc(ctx, func() { tell("STOPPING=1") })()
	return p.within(ctx, StopLimit, Session{ConfigFile: configFile, Ready: func() { tell("READY=1") }})
}

// notify sends a message as sd_notify(3) does, and does nothing without a socket.
func notify(socket, state string) error {
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}
