package datafolder

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Services are the names of the product's services on Windows, which may open the
// folder whichever of them made it.
func Services() []string { return []string{"IdentityMeshEngine", "IdentityMeshAdmin"} }

// ServiceSID returns the SID of a Windows service, whether or not it is installed:
// S-1-5-80 and the SHA-1 of its name in upper case as UTF-16. It is in the token of
// the service's process, whatever account that runs under ([MS-DTYP] 2.4.2.4 names the
// authority, "sc showsid" prints it).
func ServiceSID(service string) string {
	var name []byte
	for _, unit := range utf16.Encode([]rune(strings.ToUpper(service))) {
		name = binary.LittleEndian.AppendUint16(name, unit)
	}
	sum := sha1.Sum(name)
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return sid
}

// crowds are trustees that nobody in particular is, by their names in SDDL.
func crowds() map[string]string {
	return map[string]string{
		"WD": "Everyone", "S-1-1-0": "Everyone",
		"BU": "all users (BUILTIN\\Users)", "S-1-5-32-545": "all users (BUILTIN\\Users)",
		"AU": "all users that signed in (Authenticated Users)", "S-1-5-11": "all users that signed in (Authenticated Users)",
		"IU": "everybody at the console (INTERACTIVE)", "S-1-5-4": "everybody at the console (INTERACTIVE)",
		"NU": "everybody on the network (NETWORK)", "S-1-5-2": "everybody on the network (NETWORK)",
		"AN": "everybody without a name (ANONYMOUS LOGON)", "S-1-5-7": "everybody without a name (ANONYMOUS LOGON)",
		"BG": "guests (BUILTIN\\Guests)", "S-1-5-32-546": "guests (BUILTIN\\Guests)",
		"PU": "power users (BUILTIN\\Power Users)", "S-1-5-32-547": "power users (BUILTIN\\Power Users)",
		"AC": "all app packages", "S-1-15-2-1": "all app packages", "S-1-15-2-2": "all restricted app packages",
		"LS": "every service of the account LOCAL SERVICE", "S-1-5-19": "every service of the account LOCAL SERVICE",
		"NS": "every service of the account NETWORK SERVICE", "S-1-5-20": "every service of the account NETWORK SERVICE",
		"SU": "every service (SERVICE)", "S-1-5-6": "every service (SERVICE)", "S-1-5-80-0": "every service (NT SERVICE\\ALL SERVICES)",
	}
}

// entry is one entry of an access list in SDDL: type;flags;rights;object;inherited
// object;trustee. See "Security Descriptor String Format" of Windows.
type entry struct {
	kind, flags, rights, trustee string
	text                         string
}

// entries returns those of the access list in an SDDL text. A list that is missing
// lets everybody do everything, and is told like that.
func entries(sddl string) []entry {
	_, list, found := strings.Cut(sddl, "D:")
	if !found || strings.HasPrefix(list, "NO_ACCESS_CONTROL") {
		return []entry{{kind: "A", rights: "FA", trustee: "WD"}}
	}
	list, _, _ = strings.Cut(list, "S:") // of the audit list; no entry of files has it
	var out []entry
	for _, text := range strings.Split(list, "(")[1:] {
		text, _, _ = strings.Cut(text, ")")
		parts := strings.Split(text, ";")
		if len(parts) < 6 {
			continue
		}
		out = append(out, entry{kind: parts[0], flags: parts[1], rights: parts[2], trustee: parts[5], text: text})
	}
	return out
}

// crowd says whom the entry lets in, "" when that is nobody or somebody in
// particular.
func (e entry) crowd() string {
	if e.kind != "A" || e.rights == "" || e.rights == "0x0" {
		return ""
	}
	domain := strings.HasPrefix(e.trustee, "S-1-5-21-") && slices.Contains([]string{"513", "514", "515"}, e.trustee[strings.LastIndex(e.trustee, "-")+1:])
	if domain || slices.Contains([]string{"DU", "DG", "DC"}, e.trustee) {
		return "all accounts of the domain"
	}
	return crowds()[e.trustee]
}

// lookInto names the crowds that an access list lets in.
func lookInto(sddl string) string {
	var who []string
	for _, e := range entries(sddl) {
		if c := e.crowd(); c != "" && !slices.Contains(who, c) {
			who = append(who, c)
		}
	}
	return strings.Join(who, ", ")
}

const (
	full   = "FA"
	modify = "0x1301bf" // everything but to change rights and owner
	// below makes an entry hold for all files and folders below.
	below = "OICI"
)

// own reports whether the entry was made for this folder itself: what is inherited
// was meant for another one, and some are for folders below only.
func (e entry) own() bool {
	for i := 0; i+2 <= len(e.flags); i += 2 {
		if flag := e.flags[i : i+2]; flag == "ID" || flag == "IO" {
			return false
		}
	}
	return true
}

// closed returns the access list of a data folder: system and administrators, the
// services, the account self unless it is empty, and whoever in particular was on the
// list before. Nothing is inherited from the folder above.
func closed(before string, services []string, self string) string {
	var denied, allowed string
	seen := map[string]bool{}
	grant := func(trustee, rights string) {
		if !seen[trustee] {
			allowed += fmt.Sprintf("(A;%s;%s;;;%s)", below, rights, trustee)
		}
		seen[trustee] = true
	}
	grant("SY", full)
	grant("BA", full)
	for _, s := range services {
		grant(ServiceSID(s), modify)
	}
	if self != "" && !slices.Contains(systemAccounts(), self) {
		grant(self, full)
	}
	if before != "" {
		for _, e := range entries(before) {
			switch {
			case !e.own() || e.crowd() != "":
			case e.kind == "A":
				grant(e.trustee, e.rights)
			case e.kind == "D":
				denied += "(" + e.text + ")"
			}
		}
	}
	return "D:P" + denied + allowed
}

// systemAccounts are SYSTEM, which is on the list anyway, LOCAL SERVICE and NETWORK
// SERVICE, which many services share: one that runs as they do gets in by its own SID.
func systemAccounts() []string { return []string{"S-1-5-18", "S-1-5-19", "S-1-5-20"} }

// names reports whether the list lets the trustee in.
func names(sddl, trustee string) bool {
	return slices.ContainsFunc(entries(sddl), func(e entry) bool { return e.kind == "A" && e.trustee == trustee })
}
