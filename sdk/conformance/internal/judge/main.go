// Command judge runs the suite on one plugin and prints the report as JSON. The
// test of the suite runs it a hundred times, and would wait for itself if that
// were in a process with the race detector.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/identitymesh/identitymesh/sdk/conformance"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: judge BINARY CONFIGURATION UNREACHABLE")
		os.Exit(2)
	}
	report, err := conformance.Run(context.Background(), conformance.Config{
		Binary: os.Args[1], Config: []byte(os.Args[2]), Unreachable: []byte(os.Args[3]),
	}, nil)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(report)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
