package ldap

import "strings"

// Attribute names are matched without their options and without regard to case.
func baseName(name string) string {
	name, _, _ = strings.Cut(name, ";")
	return strings.ToLower(name)
}

// isSecretAttribute tells attributes that hold passwords, hashes of passwords or
// private keys. They are never asked for by name and dropped when a server
// returns them with "all attributes".
func isSecretAttribute(name string) bool { return secretAttributes[baseName(name)] }

var secretAttributes = set(
	// RFC 4519, RFC 3112, RFC 2798, password policy, Sun and 389 directories.
	"userPassword", "authPassword", "userPKCS12", "pwdHistory", "passwordHistory", "olcRootPW", "nsslapd-rootpw",
	"nsDS5ReplicaCredentials", "nsMultiplexorCredentials", "sunKeyValue",
	// Samba, Kerberos, FreeIPA and RADIUS schemas.
	"sambaNTPassword", "sambaLMPassword", "sambaPasswordHistory", "sambaClearTextPassword", "sambaPreviousClearTextPassword",
	"krbPrincipalKey", "krbMKey", "krbPwdHistory", "krb5Key", "ipaNTHash", "ipatokenOTPkey", "radiusTunnelPassword",
	// Active Directory: passwords, trusts, secrets, LAPS, BitLocker, managed accounts.
	"unicodePwd", "dBCSPwd", "lmPwdHistory", "ntPwdHistory", "supplementalCredentials", "unixUserPassword", "msSFU30Password",
	"trustAuthIncoming", "trustAuthOutgoing", "initialAuthIncoming", "initialAuthOutgoing", "currentValue", "priorValue", "pekList",
	"ms-Mcs-AdmPwd", "msLAPS-Password", "msLAPS-EncryptedPassword", "msLAPS-EncryptedPasswordHistory",
	"msLAPS-EncryptedDSRMPassword", "msLAPS-EncryptedDSRMPasswordHistory",
	"msFVE-RecoveryPassword", "msFVE-KeyPackage", "msTPM-OwnerInformation", "msDS-ManagedPassword", "msDS-ExecuteScriptPassword",
	"msPKI-CredentialRoamingTokens", "msPKIAccountCredentials", "msPKIDPAPIMasterKeys",
	"msKds-RootKeyData",
)

// bookkeepingAttributes change without the identity changing, or differ from one
// server to the next, so they are imported only when the configuration lists them.
var bookkeepingAttributes = set("modifyTimestamp", "modifiersName", "entryCSN", "contextCSN",
	"uSNChanged", "uSNCreated", "whenChanged", "dSCorePropagationData", "replPropertyMetaData",
	"lastLogon", "lastLogoff", "logonCount", "badPwdCount", "badPasswordTime",
	"authTimestamp", "pwdLastSuccess", "pwdFailureTime")

var guidAttributes = set("objectGUID")

var sidAttributes = set("objectSid", "sIDHistory", "mS-DS-CreatorSID", "msExchMasterAccountSid")

// binaryAttributes are base64 text in the object always, because values that
// happen to be valid UTF-8 must not look different from their neighbours.
var binaryAttributes = set(
	"jpegPhoto", "thumbnailPhoto", "thumbnailLogo", "photo", "audio",
	"userCertificate", "cACertificate", "userSMIMECertificate", "crossCertificatePair",
	"certificateRevocationList", "authorityRevocationList", "deltaRevocationList",
	"logonHours", "nTSecurityDescriptor", "replUpToDateVector", "mS-DS-ConsistencyGuid", "msDS-GenerationId",
	"msDS-GroupMSAMembership", "msDS-AllowedToActOnBehalfOfOtherIdentity",
	"msExchMailboxGuid", "msExchArchiveGUID", "msExchDisabledArchiveGUID", "msExchMailboxSecurityDescriptor",
	"msExchSafeSendersHash", "msExchSafeRecipientsHash", "msExchBlockedSendersHash",
	"msRTCSIP-UserRoutingGroupId", "schemaIDGUID", "attributeSecurityGUID", "invocationId", "dnsRecord", "krbExtraData",
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[strings.ToLower(n)] = true
	}
	return m
}
