package protector

import (
	"encoding/binary"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// The library sets the flags that each of its functions is named for, and always
// the one that forbids to ask the user.
func TestTheSystemCallsAreThoseOfTheMachineScope(t *testing.T) {
	for want, call := range map[string]any{
		"dpapi.EncryptBytesMachineLocalEntropy": systemCalls.protect,
		"dpapi.DecryptBytesEntropy":             systemCalls.unprotect,
	} {
		name := runtime.FuncForPC(reflect.ValueOf(call).Pointer()).Name()
		if !strings.HasSuffix(name, want) {
			t.Errorf("got %s, want %s", name, want)
		}
	}
}

// Flags stand in the head of a blob, behind two versions and two GUIDs. Nobody
// promises that, but it has been so since Windows 2000.
func TestWindowsRecordsTheMachineScope(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("NOT TESTED: Wine ignores the machine scope; this needs a real Windows")
	}
	blob, err := systemCalls.protect([]byte("value"), []byte("entropy"))
	if err != nil {
		t.Fatal(err)
	}
	const at, localMachine = 40, 0x4
	if len(blob) < at+4 || binary.LittleEndian.Uint32(blob[at:])&localMachine == 0 {
		t.Errorf("the blob of %d bytes does not record the machine scope", len(blob))
	}
}
