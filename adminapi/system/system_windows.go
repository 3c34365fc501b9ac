package system

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// Name returns the version of Windows as it is, whatever the program's manifest
// says.
func Name() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d build %d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
