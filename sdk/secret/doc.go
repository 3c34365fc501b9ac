// Package secret holds the words that everything about secrets is said in: a
// [Ref] names a secret, a [Value] is its content, a [Version] one of its states
// and [Metadata] everything that may be shown.
//
// It knows nothing of stores, plugins or the wire. Start reading at [Ref] and
// [Value].
package secret
