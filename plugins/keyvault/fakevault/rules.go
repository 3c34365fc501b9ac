package fakevault

import "time"

// Rules are what the owner of a vault, or Microsoft, may set. They hold for all
// vaults of a server; the zero Rules are those of a vault with default settings
// that finishes everything at once.
type Rules struct {
	// Deleting is how long a deleted secret is neither there nor among the deleted
	// ones. Recovering is how long a recovered one cannot be read, and Settling how
	// long after that it still cannot be written: clients have been told that it is
	// being recovered after it could be read again. The service takes seconds to
	// minutes; see the live tests of the Azure SDK.
	Deleting, Recovering, Settling time.Duration
	// RetentionDays is how long deleted secrets are kept, 7 to 90, and 90 when 0.
	RetentionDays int
	// PurgeProtection refuses to purge, whatever the caller's rights.
	PurgeProtection bool
	// AccessPolicies decide instead of roles: the refusal says ForbiddenByPolicy.
	AccessPolicies bool
	// Network refuses every caller at the vault's network rules, with this inner
	// code: [Firewall] or [PrivateOnly].
	Network string

	// Creates is how many secrets may be set in any Window, and Others how many
	// other requests may be made: 300 and 4,000 in ten seconds when 0, as the page
	// on service limits says; no limit when negative. RetryAfter is sent with the
	// refusal when it is not 0; the service has been seen to send none.
	Creates, Others    int
	Window, RetryAfter time.Duration
}

// The inner codes of what a vault's network rules refuse.
const (
	Firewall    = "ForbiddenByFirewall"
	PrivateOnly = "ForbiddenByConnection"
)

const (
	defaultRetentionDays = 90
	defaultCreates       = 300
	defaultOthers        = 4000
	defaultWindow        = 10 * time.Second
)

func (r Rules) retentionDays() int { return orElse(r.RetentionDays, defaultRetentionDays) }

// recoveryLevel is as the REST interface spells it in DeletionRecoveryLevel.
func (r Rules) recoveryLevel() string {
	level := "Recoverable"
	if r.retentionDays() != defaultRetentionDays {
		level = "CustomizedRecoverable"
	}
	if !r.PurgeProtection {
		level += "+Purgeable"
	}
	return level
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Change changes the rules from the next request on.
func (s *Server) Change(change func(*Rules)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.rules)
}
