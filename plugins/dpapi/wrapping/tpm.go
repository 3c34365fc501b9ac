package wrapping

import "time"

// tpmLimit is far more than a slow chip takes for the four commands.
const tpmLimit = 30 * time.Second

// tpm lets the TPM 2.0 of the machine keep the wrapping key.
type tpm struct {
	device string
	limit  time.Duration
}

func (tpm) Kind() string { return KindTPM }
