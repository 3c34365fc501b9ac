//go:build !linux && !windows

package launch

import (
	"errors"
	"os"
	"os/exec"
)

const (
	socketsAreFiles = true
	imagePath       = ""
)

var errPlatform = errors.New("plugins can be started on Linux and Windows only")

func openImage(string) (*os.File, error) { return nil, errPlatform }

func command(image *os.File) *exec.Cmd { return exec.Command(image.Name()) }

type containment struct{}

func contain(*os.Process) (containment, error) { return containment{}, errPlatform }

func (containment) kill() error { return nil }

func (containment) release() {}

func checkPrivate(string) error { return nil }

func awaitExit(*os.Process) {}

func otherFormat(error) bool { return false }

func checkAddress(string, string, string) error { return errPlatform }

func endEscaped(string, int) int { return 0 }
