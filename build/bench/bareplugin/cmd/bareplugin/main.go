// Command bareplugin is a plugin of go-plugin with nothing of ours.
package main

import "github.com/identitymesh/identitymesh/build/bench/bareplugin"

func main() { bareplugin.Serve() }
