// Command hello tells its version.
package main

import "fmt"

var version = "none"

func main() { fmt.Println(version) }
