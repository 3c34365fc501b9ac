// Command persona is every plugin that misbehaves, in one binary: named
// persona-NAME it behaves as the persona of that name does. See package persona.
package main

import "github.com/identitymesh/identitymesh/sdk/conformance/persona"

func main() { persona.Main() }
