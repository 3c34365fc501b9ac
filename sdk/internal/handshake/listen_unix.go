//go:build !windows

package handshake

import (
	"net"
	"path/filepath"
)

// listen takes a short name in the folder that is only ours. The host removes the
// folder.
func listen(getenv func(string) string) (net.Listener, error) {
	folder := getenv(EnvFolder)
	if folder == "" {
		return nil, errNoPlace
	}
	return net.Listen("unix", filepath.Join(folder, "s"))
}
