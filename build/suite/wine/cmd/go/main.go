// Command go is the go command inside Wine, for tests that build programs: it has
// the real one, outside, do the work.
//
// It is built for Windows by package wine and exists nowhere else. Start reading
// at [bridge.Call].
package main

import (
	"fmt"
	"os"

	"github.com/identitymesh/identitymesh/build/suite/wine/bridge"
)

func main() {
	resp, err := bridge.Call(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		os.Exit(1)
	}
	_, _ = os.Stdout.Write(resp.Output)
	os.Exit(resp.Code)
}
