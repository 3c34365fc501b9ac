// Package up is the demo for people: it starts everything, imports, shows what
// came of it and how to look around, and stays until it is told to stop.
//
// Start reading at [Run].
package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/identitymesh/identitymesh/build/demo"
	"github.com/identitymesh/identitymesh/build/demo/client"
	"github.com/identitymesh/identitymesh/build/demo/stack"
)

// shown is how many people of each source are shown.
const shown = 3

// Config says where to write; what is left of Demo.Progress is replaced.
type Config struct {
	Demo demo.Config
	Out  io.Writer
}

// Run returns nil when ctx ended, at whatever point, and everything was stopped.
func Run(ctx context.Context, c Config) error {
	began := c.Demo.Now()
	c.Demo.Progress = func(format string, args ...any) { fmt.Fprintf(c.Out, "  "+format+"\n", args...) }
	fmt.Fprintf(c.Out, "Starting the demo; its state is in %s\n", shorten(c.Demo.Folder))
	d, err := demo.Start(ctx, c.Demo)
	if err != nil {
		return unless(ctx, err)
	}
	err = importAndShow(ctx, c.Out, d)
	if err == nil {
		showWay(c.Out, d, c.Demo.Now().Sub(began))
		err = stay(ctx, d)
	}
	fmt.Fprintln(c.Out, "\nStopping ...")
	if err := errors.Join(unless(ctx, err), d.Stop()); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Stopped. The next start continues with what is in %s.\n", shorten(c.Demo.Folder))
	return nil
}

// stay waits until ctx or a program of the product ends.
func stay(ctx context.Context, d *demo.Demo) error {
	ctx, stop := d.Watched(ctx, 0)
	defer stop()
	<-ctx.Done()
	return context.Cause(ctx)
}

// unless returns nil when ctx has ended: what broke off then was meant to.
func unless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// importAndShow runs the connectors and shows the outcome and a few people.
func importAndShow(ctx context.Context, out io.Writer, d *demo.Demo) error {
	var connectors []client.Connector
	for _, c := range []client.Connector{d.HRConnector, d.DirectoryConnector} {
		if !c.Enabled {
			fmt.Fprintf(out, "  %s is switched off and is not run\n", c.Name)
			continue
		}
		connectors = append(connectors, c)
	}
	fmt.Fprintln(out, "\nImporting ...")
	runs, err := d.Import(ctx, "", connectors...)
	if err != nil {
		return err
	}
	if err := stack.WriteTable(out, demo.Rows(runs)); err != nil {
		return err
	}
	for _, r := range runs {
		err = errors.Join(err, r.Err())
	}
	if err != nil {
		return fmt.Errorf("%w\nthe logs are in %s", err, d.LogFolder())
	}
	fmt.Fprintln(out, "\nSome of the imported people:")
	for _, c := range connectors {
		if err := showPeople(ctx, out, d, c); err != nil {
			return err
		}
	}
	return nil
}

func showPeople(ctx context.Context, out io.Writer, d *demo.Demo, c client.Connector) error {
	objects, _, err := d.API.Objects(ctx, c.ID, shown, "")
	if err != nil {
		return fmt.Errorf("list the people of %s: %w", c.Name, err)
	}
	for _, o := range objects {
		fmt.Fprintf(out, "  %-14s  %s\n", c.Name, describe(o))
	}
	return nil
}

// describe names a person, whichever source's names the attributes have.
func describe(o client.Object) string {
	either := func(hr, directory string) string {
		if v := o.First(hr); v != "" {
			return v
		}
		return o.First(directory)
	}
	return fmt.Sprintf("%s <%s>, %s, %s", either("DisplayName", "displayName"), either("Mail", "mail"), either("Title", "title"), either("City", "l"))
}

func showWay(out io.Writer, d *demo.Demo, took time.Duration) {
	token := shorten(d.TokenFile())
	fmt.Fprintf(out, `
IdentityMesh is running, after %.1f seconds.

  Admin API      %[2]s
  its operations %[2]s/docs
  sign in with   the token in %[3]s, as in
                 curl -H "Authorization: Bearer $(cat %[3]s)" %[2]s/api/connectors
  logs           %[4]s

Press Ctrl-C to stop.
`, took.Seconds(), d.URL(), token, shorten(d.LogFolder()))
}

// shorten returns the path from the current folder when it lies below that.
func shorten(path string) string {
	here, err := filepath.Abs(".")
	if err != nil {
		return path
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(here, absolute)
	if err != nil || !filepath.IsLocal(relative) {
		return path
	}
	return relative
}
