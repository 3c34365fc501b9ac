// Package pluginmain is the one call in the main of a secret provider plugin.
//
//	func main() {
//		pluginmain.Main(provider.Definition[*store.Store]{
//			Name: "acme", Version: version, Open: store.Open,
//		})
//	}
//
// It does what every plugin needs and no author should write: the handshake,
// the lifeline (the plugin leaves when its host is gone), logging and tracing
// into the host, a guard that turns a panic into an INTERNAL outcome, the
// contract's limits, and draining. Start reading at [Main].
package pluginmain
