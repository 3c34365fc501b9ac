package negotiate

import (
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"
)

func TestGroupsThatAreThereOnlyToDenyGiveNoRights(t *testing.T) {
	for attributes, want := range map[uint32]bool{0x7: true, 0x4: true, 0x20000007: true, 0x10: false, 0x14: false, 0x3: false, 0: false} {
		if counts(attributes) != want {
			t.Errorf("attributes %#x", attributes)
		}
	}
}

func TestAuthorizationDataWithoutACertificate(t *testing.T) {
	for what, data := range map[string]types.AuthorizationData{
		"nothing": nil, "of another kind": {{ADType: 512, ADData: []byte{1}}},
		"nothing inside": {{ADType: 1, ADData: []byte{0x30, 0}}},
	} {
		if certificate, err := certificateOf(data); certificate != nil || err != nil {
			t.Errorf("%s: %x, %v", what, certificate, err)
		}
	}
	if _, err := certificateOf(types.AuthorizationData{{ADType: 1, ADData: []byte("c4nary")}}); err == nil {
		t.Error("what is malformed passes")
	}
}
