package ldap

import (
	"context"
	"slices"
	"strconv"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// capabilityAD is what Active Directory domain controllers list in
// supportedCapabilities ([MS-ADTS] 3.1.1.3.4.3.1).
const capabilityAD = "1.2.840.113556.1.4.800"

// rootDSE is what a server says about itself. Most servers leave out most of it.
type rootDSE struct {
	vendor, version  string
	openLDAP         bool
	activeDirectory  bool
	controls         []string
	namingContexts   []string
	dnsHostName      string
	dsServiceName    string
	defaultNC        string
	highestCommitted int64 // 0 when not stated
}

func (s *session) rootDSE(ctx context.Context) (rootDSE, error) {
	e, err := s.object(ctx, "", "*", "objectClass", "structuralObjectClass", "vendorName", "vendorVersion", "supportedControl",
		"supportedCapabilities", "namingContexts", "defaultNamingContext", "dnsHostName", "dsServiceName", "highestCommittedUSN")
	if err != nil {
		return rootDSE{}, err
	}
	one := e.GetEqualFoldAttributeValue
	usn, _ := strconv.ParseInt(one("highestCommittedUSN"), 10, 64)
	return rootDSE{
		vendor:           one("vendorName"),
		version:          one("vendorVersion"),
		openLDAP:         one("structuralObjectClass") == "OpenLDAProotDSE" || slices.Contains(e.GetEqualFoldAttributeValues("objectClass"), "OpenLDAProotDSE"),
		activeDirectory:  slices.Contains(e.GetEqualFoldAttributeValues("supportedCapabilities"), capabilityAD),
		controls:         e.GetEqualFoldAttributeValues("supportedControl"),
		namingContexts:   e.GetEqualFoldAttributeValues("namingContexts"),
		dnsHostName:      one("dnsHostName"),
		dsServiceName:    one("dsServiceName"),
		defaultNC:        one("defaultNamingContext"),
		highestCommitted: usn,
	}, nil
}

func (r rootDSE) supports(control string) bool { return slices.Contains(r.controls, control) }

// name is how reports call the server.
func (r rootDSE) name(fallback string) string {
	switch {
	case r.vendor != "" || r.version != "":
		return strings.TrimSpace(r.vendor + " " + r.version)
	case r.activeDirectory:
		return strings.TrimSpace("Active Directory " + r.dnsHostName)
	case r.openLDAP:
		return "OpenLDAP"
	}
	return "LDAP server at " + fallback
}

// contextOf returns the naming context that base lies in, which is where its
// deleted objects are kept.
func (r rootDSE) contextOf(base *goldap.DN) string {
	best, depth := r.defaultNC, -1
	for _, nc := range r.namingContexts {
		dn, err := goldap.ParseDN(nc)
		if err == nil && len(dn.RDNs) > depth && (dn.EqualFold(base) || dn.AncestorOfFold(base)) {
			best, depth = nc, len(dn.RDNs)
		}
	}
	return best
}
