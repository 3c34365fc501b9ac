package protector

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// Only a real Windows shows the machine scope at work; that we ask for it can
// be checked here.
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
