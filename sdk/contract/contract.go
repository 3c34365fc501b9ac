// Package contract holds the names and numbers that both sides of the plugin
// boundary agree on. The messages are in sdk/proto, the meaning of each call in
// package provider and docs/spec.
package contract

import "time"

const (
	// Major of the contract: the number in the proto package's name and
	// go-plugin's protocol version.
	Major = 1
	// Minor grows when something is added within the major.
	Minor = 1

	// CookieKey and CookieValue are the variable that tells a plugin that a
	// host started it. They are no protection, only a kindness to people who
	// start a plugin by hand.
	CookieKey   = "IDENTITYMESH_PLUGIN_COOKIE"
	CookieValue = "b5cf0d86-9d0c-4f0b-8d4e-1f5a3a8f9f60"

	// ServiceSet is the name under which go-plugin dispenses our services.
	ServiceSet = "secretprovider"
)

// Limits of the contract. Both sides enforce them: the plugin's host because it
// distrusts the plugin, the SDK so that an author learns of it first.
const (
	// MaxValueBytes is the largest secret value.
	MaxValueBytes = 1 << 20
	// MaxMessageBytes is the largest gRPC message: a value with its metadata, or
	// a page of 1,000 entries of ordinary size, with room to spare.
	MaxMessageBytes = 4 << 20
	// MaxRefBytes is the longest ref, and MaxTokenBytes the longest page token.
	MaxRefBytes   = 4 << 10
	MaxTokenBytes = 4 << 10
	// MaxPageItems is the largest page of a listing.
	MaxPageItems = 1000
	// MaxTextBytes is the longest text of a fault or a check, and the longest
	// detail of a diagnostic; MaxSummaryBytes and MaxPathBytes limit the others.
	MaxTextBytes    = 4 << 10
	MaxSummaryBytes = 1 << 10
	MaxPathBytes    = 512
	// MaxInfoBytes is the longest name, version and commit of a plugin, and the
	// longest name of a check's result.
	MaxInfoBytes = 64
	// MaxUnknownBytes is the most that fields which the receiver does not know may
	// hold in an answer: additions of a newer minor, not a place for a value.
	MaxUnknownBytes = 4 << 10
	// MaxVersionBytes, MaxNameBytes, MaxTags and MaxTagBytes limit metadata.
	MaxVersionBytes = 256
	MaxNameBytes    = 4 << 10
	MaxTags         = 50
	MaxTagBytes     = 512
	// MaxDiagnostics is the most that one Configure returns, MaxCheckResults that
	// one Check does.
	MaxDiagnostics  = 100
	MaxCheckResults = 32
	// MaxConfigSchemaBytes is the largest schema of a configuration as it travels,
	// MaxConfigFields the most names of keys in it: of fields, nested ones included,
	// their older names, and those in groups. MaxConfigDepth is the deepest nesting
	// of objects, MaxConfigKeyBytes the longest key.
	MaxConfigSchemaBytes = 64 << 10
	MaxConfigFields      = 100
	MaxConfigDepth       = 4
	MaxConfigKeyBytes    = 64
)

// Waits of the plugin side.
const (
	// LeaveGrace is how long a plugin may take to leave after its lifeline closed.
	LeaveGrace = 2 * time.Second
)

// WindowBytes is the initial HTTP/2 window of both sides. Larger than any of our
// ordinary messages, it switches off the bandwidth estimator, whose pings cost
// more than a small call.
const WindowBytes = 1 << 20
