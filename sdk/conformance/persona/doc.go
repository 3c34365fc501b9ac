// Package persona is a company of plugins that misbehave, each in one way, and a
// good one beside them. They are what the conformance suite is tested with: each
// has to fail exactly the cases in its Breaks. And they are what the host is
// tested with: none may crash, hang, mislead or outlive it.
//
// All are one binary. It behaves as the persona that its file is named after,
// persona-NAME, because a plugin is started without arguments. The good one is
// package filestore behind pluginmain's services, configured with
// {"Folder": "/an/absolute/path"} of a folder that exists; the others stand
// between it and its host. The handshake is made by hand, in door.go, so that each
// part of it can be wrong.
//
// What the host promises about them is in docs/spec/security.md, the tests are
// sdk/host/persona_*_test.go. Start reading at [All]; a test calls [Build].
package persona
