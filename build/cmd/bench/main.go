// Command bench measures the product's figures and prints one line of JSON for
// each. Names of measurements as arguments choose some of them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"github.com/identitymesh/identitymesh/build/bench"
	"github.com/identitymesh/identitymesh/build/demo/cloud"
)

func main() {
	if dir := os.Getenv(bench.BareServer); dir != "" {
		fmt.Fprintln(os.Stderr, bench.ServeBare(dir))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only []string) error {
	bin, err := filepath.Abs("bin")
	if err != nil {
		return err
	}
	// It starts this program anew, so it comes before everything else.
	cloudless := cloud.Enter(bench.CloudAddress)
	dir, err := os.MkdirTemp("", "im-b")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	env := bench.Env{Bin: bin, Dir: dir, Log: os.Stderr}
	var figures []bench.Figure
	for _, m := range bench.All() {
		if len(only) > 0 && !slices.Contains(only, m.Name) {
			continue
		}
		if m.NeedsCloud && cloudless != nil {
			fmt.Fprintf(os.Stderr, "SKIPPED %s: %v\n", m.Name, cloudless)
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s\n", m.Name)
		got, err := m.Run(ctx, env)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		figures = append(figures, got...)
	}
	for _, f := range figures {
		if err := f.Write(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}
