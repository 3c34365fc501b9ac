package protector

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/billgraziano/dpapi"
	"golang.org/x/sys/windows/registry"
)

// systemCalls seal for any account of this machine: services change accounts,
// and their secrets must stay readable. What keeps other accounts out is the
// access to the database.
var systemCalls = machineScope{
	protect:   dpapi.EncryptBytesMachineLocalEntropy,
	unprotect: dpapi.DecryptBytesEntropy,
}

// hostKeys are those of the machine scope of DPAPI; Windows keeps and renews them.
type hostKeys struct{ hostName string }

func newHostKeys(cfg Config) hostKeys { return hostKeys{hostName: cfg.HostName} }

func (h hostKeys) open(context.Context) (*Protector, error) {
	id, err := machineID()
	if err != nil {
		return nil, err
	}
	return newMachineScope(Identity{HostID: id, HostName: h.hostName}, systemCalls), nil
}

func (h hostKeys) use(_ context.Context, known *Protector) (*Protector, func(), error) {
	return known, func() {}, nil
}

// machineID is derived from the id that Windows makes at installation, which
// is also what a re-imaged machine does not keep. It is hashed because other
// products treat the id itself as confidential.
func machineID() (string, error) {
	const path = `SOFTWARE\Microsoft\Cryptography`
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return "", fmt.Errorf(`open registry key HKLM\%s: %w`, path, err)
	}
	defer key.Close()
	guid, _, err := key.GetStringValue("MachineGuid")
	if err != nil {
		return "", fmt.Errorf(`read MachineGuid of HKLM\%s: %w`, path, err)
	}
	sum := sha256.Sum256([]byte(label + "\x00" + guid))
	return hex.EncodeToString(sum[:16]), nil
}
