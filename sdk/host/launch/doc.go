// Package launch starts a plugin's process so that it can be trusted and never
// outlives its host: the file that was hashed is the file that runs, the
// environment is an allow-list, sockets lie in a private folder, the transport is
// mutually authenticated, stderr is read by a reader of our own, and the process
// ends with its host however that ends.
//
// When to start and what to do when a process ends is package supervise's
// concern; what is said over the connection is package facade's. Start reading at
// [Start].
package launch
