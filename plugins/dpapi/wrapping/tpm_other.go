//go:build !linux

package wrapping

import (
	"errors"
	"runtime"
)

const defaultDevice = "/dev/tpmrm0"

var errNoTPM = errors.New("a TPM is not supported on " + runtime.GOOS + "; use a credential")

func (tpm) New() (key, record []byte, err error)   { return nil, nil, errNoTPM }
func (tpm) Recover([]byte) (key []byte, err error) { return nil, errNoTPM }
