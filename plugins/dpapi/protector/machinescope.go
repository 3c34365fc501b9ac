package protector

// machineScope is the cipher made of two system calls. They are fields because
// every other system needs to run this code in tests too.
type machineScope struct {
	protect   func(data, entropy []byte) ([]byte, error)
	unprotect func(data, entropy []byte) ([]byte, error)
}

// Encrypt uses associatedData as DPAPI's entropy: a blob opens only with the
// same bytes.
func (m machineScope) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	return m.protect(plaintext, associatedData)
}

func (m machineScope) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	return m.unprotect(ciphertext, associatedData)
}

func newMachineScope(identity Identity, calls machineScope) *Protector {
	identity.Kind = WindowsDPAPI
	return &Protector{
		identity: identity,
		cipher:   calls,
		legacy:   func(blob []byte) ([]byte, error) { return calls.unprotect(blob, nil) },
	}
}
