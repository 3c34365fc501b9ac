// Package conformance checks a plugin binary, written in any language, against
// the rules of docs/spec, and says for each rule whether the plugin keeps it.
//
// A case is named after the rule's anchor. The suite starts the binary as a host
// would and speaks with it directly, so that it can also send what no host sends.
// It writes only below a prefix of its own and removes what it wrote. What a
// plugin does not claim is not asked of it.
//
// How a host protects itself from a plugin that breaks a rule is package host's
// concern. Start reading at [Run]; a provider's own test calls [Test].
package conformance
