package datafolder_test

import (
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/datafolder"
)

func TestServiceSIDIsWhatWindowsDerives(t *testing.T) {
	// Known on every Windows, in any case of letters.
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	for _, name := range []string{"TrustedInstaller", "trustedinstaller"} {
		if got := datafolder.ServiceSID(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAccessListThatLetsACrowdInIsNoticed(t *testing.T) {
	domain := "S-1-5-21-1-2-3-"
	for name, c := range map[string]struct{ sddl, want string }{
		"system and administrators only":           {"D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", ""},
		"a person":                                 {"D:P(A;OICI;FA;;;" + domain + "1104)", ""},
		"a service":                                {"D:P(A;OICI;0x1301bf;;;" + datafolder.ServiceSID("IdentityMeshEngine") + ")", ""},
		"what ProgramData hands on":                {"D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIIOID;GA;;;CO)(A;OICIID;0x1200a9;;;BU)(A;CIID;DCLCRPCR;;;BU)", "BUILTIN\\Users"},
		"everyone":                                 {"D:(A;;FR;;;WD)", "Everyone"},
		"everyone by number":                       {"D:(A;;FR;;;S-1-1-0)", "Everyone"},
		"several, each told once":                  {"D:(A;;FR;;;AU)(A;;FR;;;WD)(A;;FW;;;AU)", "Authenticated Users), Everyone"},
		"all accounts of a domain":                 {"D:(A;;FR;;;" + domain + "513)", "domain"},
		"services that share an account":           {"D:(A;;FR;;;LS)", "LOCAL SERVICE"},
		"a crowd that is kept out":                 {"D:(D;;FA;;;WD)(A;;FA;;;BA)", ""},
		"no list at all, which lets everybody in":  {"D:NO_ACCESS_CONTROL", "Everyone"},
		"no part for it, which does the same":      {"O:BAG:SY", "Everyone"},
		"an empty list, which lets nobody in":      {"D:P", ""},
		"the audit list, which lets nobody in":     {"D:P(A;;FA;;;BA)S:(AU;SAFA;FA;;;WD)", ""},
		"an entry with a condition in parentheses": {`D:P(XA;;FX;;;BA;(@User.Title=="x"))(A;;FR;;;WD)`, "Everyone"},
	} {
		t.Run(name, func(t *testing.T) {
			got := datafolder.LookInto(c.sddl)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) || c.want != "" && strings.Count(got, c.want) != 1 {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestClosedListKeepsCrowdsOutAndThoseInParticularIn(t *testing.T) {
	engine := datafolder.ServiceSID("IdentityMeshEngine")
	const base = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	own := "(A;OICI;0x1301bf;;;" + engine + ")"
	services := []string{"IdentityMeshEngine"}
	for name, c := range map[string]struct{ before, self, want string }{
		"a new folder":                        {"", "", "D:P" + base + own},
		"made by a person":                    {"", "S-1-5-21-1-2-3-500", "D:P" + base + own + "(A;OICI;FA;;;S-1-5-21-1-2-3-500)"},
		"made by the service":                 {"", engine, "D:P" + base + own},
		"made under an account that is many":  {"", "S-1-5-19", "D:P" + base + own},
		"a crowd and what was inherited":      {"D:AI(A;OICI;FR;;;WD)(A;OICIID;0x1200a9;;;S-1-5-21-1-2-3-9)(A;OICIIO;GA;;;CO)", "", "D:P" + base + own},
		"an account that an admin let in":     {"D:AI(A;CIOI;FR;;;S-1-5-21-1-2-3-1104)(A;;FR;;;WD)", "", "D:P" + base + own + "(A;OICI;FR;;;S-1-5-21-1-2-3-1104)"},
		"an account that an admin kept out":   {"D:(D;OICI;FA;;;S-1-5-21-1-2-3-1105)(A;;FA;;;WD)", "", "D:P(D;OICI;FA;;;S-1-5-21-1-2-3-1105)" + base + own},
		"another service that has its rights": {"D:P(A;OICI;0x1301bf;;;S-1-5-80-1-2-3-4-5)", "", "D:P" + base + own + "(A;OICI;0x1301bf;;;S-1-5-80-1-2-3-4-5)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := datafolder.Closed(c.before, services, c.self)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if who := datafolder.LookInto(got); who != "" {
				t.Errorf("it is open to %s", who)
			}
		})
	}
}
