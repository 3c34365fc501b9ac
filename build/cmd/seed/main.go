// Command seed fills the database of a new data folder with as much as a very large
// installation has; see package seed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/identitymesh/identitymesh/build/seed"
)

const day = 24 * time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	folder := flag.String("data", "", "data `FOLDER`, which has no database yet")
	connectors := flag.Int("connectors", 10_000, "how many connectors")
	runs := flag.Int("runs", 1_000_000, "how many runs")
	objects := flag.Int("objects", 100_000, "how many objects")
	days := flag.Int("days", 90, "how many days before now the first run was")
	flag.Parse()
	if *folder == "" || flag.NArg() > 0 {
		return errors.New("say with --data where, and nothing that is no flag")
	}
	began := time.Now()
	err := seed.Fill(ctx, seed.Config{DataFolder: *folder, Connectors: *connectors, Runs: *runs, Objects: *objects, Until: began.UTC(), Span: time.Duration(*days) * day})
	if err != nil {
		return err
	}
	fmt.Printf("%s has %d connectors, %d runs and %d objects after %s\n", *folder, *connectors, *runs, *objects, time.Since(began).Round(time.Millisecond))
	return nil
}
