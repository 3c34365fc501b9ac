package wrapping

import "time"

// NewTPM returns the TPM behind device, which must answer within limit.
func NewTPM(device string, limit time.Duration) Source { return tpm{device: device, limit: limit} }
