package provider

import "context"

// KeyKeeper is a provider that seals with keys of its own and can replace them.
// It is not part of the contract, because most stores have no such notion: the
// plugin's binary does it as a command, see package pluginmain, and programs of
// the host keep using the store meanwhile. The context has no deadline here; it
// ends when the host asks the command to stop, or hears nothing of it for long.
//
// Reports are shown to operators. Their JSON form travels between programs of
// different versions: fields may be added, never change.
type KeyKeeper interface {
	// KeyStatus says which keys there are and how many secrets each one sealed.
	KeyStatus(ctx context.Context) (KeyStatus, error)
	// RotateKey makes a new key, unless an earlier rotation was not finished, and
	// seals every secret with the newest one. It reports progress now and then. When
	// it ends early, whatever the reason, calling it again goes on.
	RotateKey(ctx context.Context, progress func(KeyProgress)) (KeyRotation, error)
	// RetireKeys removes for ever the keys that are not the newest and that no secret
	// needs.
	RetireKeys(ctx context.Context) (KeyRetirement, error)
}

// KeyStatus is what [KeyKeeper.KeyStatus] reports.
type KeyStatus struct {
	// Newest is the id of the key that seals.
	Newest string `json:"newest"`
	// Keys are all that open, and those that secrets need and that are missing.
	Keys []KeyUse `json:"keys"`
	// Unfinished is true while a rotation was begun and not ended.
	Unfinished bool `json:"unfinished"`
	// Place says where the keys are, Protection what keeps them there.
	Place      string `json:"place"`
	Protection string `json:"protection"`
	// Foreign is how many secrets others sealed.
	Foreign int `json:"foreign"`
}

// KeyUse is one key.
type KeyUse struct {
	ID string `json:"id"`
	// Secrets is how many it sealed.
	Secrets int `json:"secrets"`
	// Missing is true when this host does not have it.
	Missing bool `json:"missing"`
}

// KeyProgress is how far a rotation is.
type KeyProgress struct {
	// Done counts the secrets that were dealt with, of Total that waited.
	Done  int `json:"done"`
	Total int `json:"total"`
}

// KeyRotation is how a rotation ended.
type KeyRotation struct {
	// Key is the id of the newest key.
	Key string `json:"key"`
	// Resumed is true when an earlier rotation was gone on with and no key was made.
	Resumed bool `json:"resumed"`
	// Resealed is how many secrets were sealed with Key; those that others set
	// meanwhile are not counted.
	Resealed int `json:"resealed"`
	// Failed is how many could not be opened and stay as they are; Failures has the
	// first of them.
	Failed   int          `json:"failed"`
	Failures []KeyFailure `json:"failures,omitempty"`
}

// MaxKeyFailures bounds the failures that a rotation names.
const MaxKeyFailures = 100

// KeyFailure is a secret that could not be sealed again.
type KeyFailure struct {
	Ref string `json:"ref"`
	// Problem is the text of the fault.
	Problem string `json:"problem"`
}

// KeyRetirement is what [KeyKeeper.RetireKeys] did.
type KeyRetirement struct {
	// Retired are the ids of the keys that are gone.
	Retired []string `json:"retired"`
	// Left is the status after it.
	Left KeyStatus `json:"left"`
}
