package protector_test

import (
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
)

// This shows that our calls, buffers and entropy reach DPAPI; that a value is
// bound to the machine needs two machines.
func TestHostOnWindows(t *testing.T) {
	p, err := protector.NewHost(protector.Config{HostName: "here"}).Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	suite(t, p)
	again, done, err := protector.NewHost(protector.Config{HostName: "renamed"}).Sealer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done()
	if !p.Knows("") || identityText(p.Identity()) != identityText(again.Identity()) || p.Identity().HostID == "" {
		t.Errorf("identities %+v and %+v", p.Identity(), again.Identity())
	}
}
