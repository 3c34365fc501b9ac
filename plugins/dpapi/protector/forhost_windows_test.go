package protector_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
)

// This shows that our calls, buffers and entropy reach DPAPI; that a value is
// bound to the machine needs two machines.
func TestForHost(t *testing.T) {
	p, err := protector.ForHost(protector.Config{HostName: "here"})
	if err != nil {
		t.Fatal(err)
	}
	suite(t, p)
	again, err := protector.ForHost(protector.Config{HostName: "renamed"})
	if err != nil {
		t.Fatal(err)
	}
	if identityText(p.Identity()) != identityText(again.Identity()) || p.Identity().HostID == "" {
		t.Errorf("identities %+v and %+v", p.Identity(), again.Identity())
	}
}
