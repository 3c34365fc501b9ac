package ldaptest

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// configLDIF is the server's configuration. The administrator's password stands
// in it in the clear, in a folder that only its owner may read.
func (s *Server) configLDIF(cfg Config) string {
	total := "unlimited"
	if cfg.TotalLimit > 0 {
		total = strconv.Itoa(cfg.TotalLimit)
	}
	sortModule, sortOverlay := "olcModuleLoad: sssvlv\n", `
dn: olcOverlay=sssvlv,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcSssVlvConfig
olcOverlay: sssvlv
`
	if cfg.WithoutSorting {
		sortModule, sortOverlay = "", ""
	}
	return strings.NewReplacer("$D", filepath.ToSlash(s.dir), "$SUFFIX", Suffix, "$ADMINPW", s.adminPW, "$ADMIN", adminDN,
		"$SYNC", SyncDN, "$TOTAL", total, "$SORTMODULE", sortModule, "$SORTOVERLAY", sortOverlay, "$MODULES", modulePath()).
		Replace(configTemplate)
}

// modulePath is where distributions keep slapd's loadable modules.
func modulePath() string {
	for _, dir := range []string{"/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap"} {
		if m, _ := filepath.Glob(dir + "/back_mdb*"); len(m) > 0 {
			return dir
		}
	}
	return "/usr/lib/ldap"
}

var configTemplate = fmt.Sprintf(`dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: $D/run/slapd.pid
olcTLSCACertificateFile: $D/ca.pem
olcTLSCertificateFile: $D/cert.pem
olcTLSCertificateKeyFile: $D/key.pem

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: $MODULES
olcModuleLoad: back_mdb
$SORTMODULE
dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif
include: file:///etc/ldap/schema/cosine.ldif
include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={-1}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {-1}frontend
olcSizeLimit: 500

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcDbDirectory: $D/db
olcSuffix: $SUFFIX
olcRootDN: $ADMIN
olcRootPW: $ADMINPW
olcDbMaxSize: %d
olcDbNoSync: TRUE
olcDbIndex: objectClass,uid,entryUUID,entryCSN,modifyTimestamp eq
olcAccess: to attrs=userPassword by anonymous auth by * none
olcAccess: to * by dn.exact="$SYNC" read by users read
olcLimits: dn.exact="$SYNC" size.soft=1000 size.hard=1000 size.pr=5000 size.prtotal=$TOTAL
$SORTOVERLAY`, int64(4)<<30)
