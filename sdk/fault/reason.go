package fault

// Reason says why an operation failed, as a closed list that callers may switch
// on. The numbers travel between processes and never change.
type Reason int32

const (
	// OK is the reason of a nil error; an [*Error] never has it.
	OK Reason = 0
	// NotFound: the store has no secret of that ref.
	NotFound Reason = 1
	// Deleted: the secret was deleted and can be recovered.
	Deleted Reason = 2
	// Disabled: the secret exists and was switched off.
	Disabled Reason = 3
	// Expired: the store refuses to serve a value past its expiry.
	Expired Reason = 4
	// NotYetValid: the store refuses to serve a value before its time.
	NotYetValid Reason = 5
	// AccessDenied: the identity is known and lacks a right. The message names
	// the missing right.
	AccessDenied Reason = 6
	// AuthFailed: no identity could be proved. The message names what was tried.
	AuthFailed Reason = 7
	// Throttled: the backend refuses for now because of the rate of calls.
	Throttled Reason = 8
	// Unavailable: the backend, or the plugin, cannot be reached.
	Unavailable Reason = 9
	// Timeout: no answer within the deadline. A write may have happened.
	Timeout Reason = 10
	// Undecryptable: the value was sealed by another host or key.
	Undecryptable Reason = 11
	// Corrupt: what is stored is not what was written.
	Corrupt Reason = 12
	// VersionConflict: the secret is no longer at the version that was expected.
	VersionConflict Reason = 13
	// AlreadyExists: the secret exists and was expected not to.
	AlreadyExists Reason = 14
	// InvalidRef: the ref cannot name a secret.
	InvalidRef Reason = 15
	// TooLarge: the value exceeds the store's limit. The message states it.
	TooLarge Reason = 16
	// ConfigInvalid: the provider's configuration is wrong; ConfigPath says where.
	ConfigInvalid Reason = 17
	// Unsupported: the provider does not do this.
	Unsupported Reason = 18
	// Internal: a defect. Details are in the log of whoever has it.
	Internal Reason = 19
	// Cancelled: the caller gave up. A write may have happened.
	Cancelled Reason = 20
)

// Reasons returns every reason an error can have, in numeric order.
func Reasons() []Reason {
	all := make([]Reason, 0, len(reasonNames)-1)
	for r := NotFound; int(r) < len(reasonNames); r++ {
		all = append(all, r)
	}
	return all
}

var reasonNames = [...]string{
	OK: "OK", NotFound: "NOT_FOUND", Deleted: "DELETED", Disabled: "DISABLED", Expired: "EXPIRED",
	NotYetValid: "NOT_YET_VALID", AccessDenied: "ACCESS_DENIED", AuthFailed: "AUTH_FAILED",
	Throttled: "THROTTLED", Unavailable: "UNAVAILABLE", Timeout: "TIMEOUT",
	Undecryptable: "UNDECRYPTABLE", Corrupt: "CORRUPT", VersionConflict: "VERSION_CONFLICT",
	AlreadyExists: "ALREADY_EXISTS", InvalidRef: "INVALID_REF", TooLarge: "TOO_LARGE",
	ConfigInvalid: "CONFIG_INVALID", Unsupported: "UNSUPPORTED", Internal: "INTERNAL",
	Cancelled: "CANCELLED",
}

// String returns the reason's name on the wire and in the documentation.
func (r Reason) String() string {
	if r < 0 || int(r) >= len(reasonNames) {
		return "INTERNAL"
	}
	return reasonNames[r]
}

// ReadRetryable reports whether a read that failed so may succeed when it is
// tried again within its deadline. A write is never repeated on the strength of
// this: its outcome is unknown and has to be read back.
func (r Reason) ReadRetryable() bool {
	switch r {
	case Throttled, Unavailable, Timeout, Internal:
		return true
	}
	return false
}

// Source says whose fault it is, so that the right people are called.
type Source int32

const (
	// SourcePlugin is the provider plugin itself.
	SourcePlugin Source = 1
	// SourceBackend is the store behind the plugin.
	SourceBackend Source = 2
	// SourceConfig is what the operator configured or asked for.
	SourceConfig Source = 3
	// SourceHost is the process that runs the plugin.
	SourceHost Source = 4
)

var sourceNames = [...]string{0: "UNKNOWN", SourcePlugin: "PLUGIN", SourceBackend: "BACKEND", SourceConfig: "CONFIG", SourceHost: "HOST"}

// String returns the source's name on the wire and in the documentation.
func (s Source) String() string {
	if s < 0 || int(s) >= len(sourceNames) {
		return sourceNames[0]
	}
	return sourceNames[s]
}
