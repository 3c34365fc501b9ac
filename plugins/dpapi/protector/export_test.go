package protector

// NewMachineScope lets tests of every system run the code around DPAPI's calls.
func NewMachineScope(identity Identity, protect, unprotect func(data, entropy []byte) ([]byte, error)) *Protector {
	return newMachineScope(identity, machineScope{protect: protect, unprotect: unprotect})
}
