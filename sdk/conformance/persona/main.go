package persona

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

// version is what the personas report as theirs.
const version = "1.0.0"

// Main plays the persona that the process is named after, and never returns.
func Main() {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	name = strings.TrimPrefix(name, prefix)
	if child(name) {
		os.Exit(0)
	}
	all := All()
	n := slices.IndexFunc(all, func(p Persona) bool { return p.Name == name })
	if n < 0 {
		fmt.Fprintf(os.Stderr, "%q is no persona; the name of the file chooses one\n", name)
		os.Exit(2)
	}
	if err := all[n].part.play(&stage{stdout: os.Stdout, stderr: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (p part) play(s *stage) error {
	if p.first != nil {
		p.first(s)
	}
	if os.Getenv(contract.CookieKey) != contract.CookieValue && !p.shameless {
		return fmt.Errorf("this is a plugin that misbehaves, for the tests of hosts")
	}
	d, err := openDoor(p.door)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(os.Getenv(pluginmain.EnvLogLevel)))
	tel, err := telemetry.Start(context.Background(), telemetry.Config{
		Service: "identitymesh-plugin-persona", Version: version, Logs: s.stderr, Level: level, Environ: os.Environ(),
	})
	if err != nil {
		return err
	}
	g, release := p.serve(s, d, tel)
	if !p.stays {
		go leave(g, release)
	}
	if _, err := s.stdout.WriteString(d.line()); err != nil {
		return err
	}
	err = g.Serve(d.listener)
	if p.stays {
		select {}
	}
	return err
}

// serve returns the plugin's services behind the door.
func (p part) serve(s *stage, d *door, tel *telemetry.Telemetry) (*grpc.Server, func()) {
	locked := credentials.NewTLS(d.tls())
	if d.plain {
		locked = insecure.NewCredentials()
	}
	if p.bare != nil {
		g := grpc.NewServer(grpc.Creds(locked), grpc.MaxSendMsgSize(hugeBytes*2))
		p.bare(g)
		return g, func() {}
	}
	def := filestore.Definition("persona", version)
	if p.define != nil {
		p.define(&def)
	}
	server := pluginmain.NewServer(def, tel)
	before := []grpc.UnaryServerInterceptor{statuses}
	if p.configured != nil {
		before = append(before, afterConfigure(func() { p.configured(s) }))
	}
	if p.call != nil {
		before = append(before, p.call)
	}
	before = append(before, ownPID)
	return server.GRPC(grpc.Creds(locked), grpc.ChainUnaryInterceptor(before...)), server.Close
}

// leave ends the process when its host has gone or hung up.
func leave(g *grpc.Server, release func()) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	time.AfterFunc(contract.LeaveGrace/2, func() { os.Exit(0) })
	g.GracefulStop()
	release()
	os.Exit(0)
}
