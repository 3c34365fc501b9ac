//go:build !linux

package cloud

import "errors"

// Enter says that the names of the cloud can be given away on Linux only.
func Enter(string) error {
	return errors.New("the demo with Azure Key Vault needs Linux, to give real names to a fake vault for its own processes only: " +
		"run \"make up\" for the provider that needs nothing")
}
