// Fakevault runs package fakevault as a process of its own, for end-to-end tests
// of other modules and other languages.
//
// It writes what a client needs into a folder: ca.pem, the certificate to trust,
// and access.json with addresses and the service principal that may sign in. It
// leaves when it is interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve HTTPS on")
	plain := flag.String("plain", "127.0.0.1:0", "address to serve managed identity and control on, over HTTP")
	hosts := flag.String("vaults", fakevault.DefaultHost, "host names of the vaults, with commas between them")
	transition := flag.Duration("transition", 0*time.Second, "how long deleting and recovering take")
	dir := flag.String("dir", "", "existing folder to write ca.pem and access.json to (required)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *plain, *hosts, *dir, *transition); err != nil {
		fmt.Fprintln(os.Stderr, "fakevault:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, plain, hosts, dir string, transition time.Duration) error {
	if dir == "" {
		return errors.New("-dir is required: a folder to write ca.pem and access.json to")
	}
	s, err := fakevault.Start(fakevault.Config{Addr: listen, PlainAddr: plain, Hosts: strings.Split(hosts, ","),
		Rules: fakevault.Rules{Deleting: transition, Recovering: transition}})
	if err != nil {
		return err
	}
	defer s.Close()
	access, err := json.MarshalIndent(map[string]string{
		"address": s.Addr(), "identityEndpoint": s.IdentityEndpoint(), "identityHeader": s.IdentityHeader,
		"tenant": s.Tenant, "clientId": s.ClientID, "clientSecret": s.ClientSecret,
		"federatedToken": s.FederatedToken, "managedClientId": s.ManagedClientID,
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), s.CAPEM(), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "access.json"), access, 0o600); err != nil {
		return err
	}
	fmt.Println("ready")
	<-ctx.Done()
	return nil
}
