package productdb

import (
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/microsoft/go-mssqldb/azuread"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// What the driver calls the settings that we look at, and has no names for.
const (
	paramEntra         = "fedauth"
	paramAuthenticator = "authenticator"
	paramKerberos      = "krb5" // a value of the authenticator
)

var (
	errUnknownForm = configError("the connection string is neither sqlserver://…, nor Server=…;Database=…, " +
		"nor Driver={…};Server=…, nor sqlite:<path>; it is not repeated here because it may hold a password")
	errUnreadable = configError("the SQL Server connection string could not be read: check quoting, port, timeouts " +
		"and the settings for encryption and certificates; it is not repeated here because it may hold a password")
	errEntra = configError("the SQL Server connection string asks for a way of signing in that a service cannot use or that does not exist; " +
		"Authentication can be Active Directory Default, Active Directory Managed Identity, Active Directory Service Principal, " +
		"Active Directory Workload Identity or Sql Password")
	errEntraIncomplete = configError("the SQL Server connection string lacks what its way of signing in needs: " +
		"Active Directory Service Principal takes User ID=<client id>@<tenant id> and Password or ClientCertPath")
)

// entraWays are the ways of signing in with Entra that need nobody at the screen,
// as the driver writes them, by how SqlClient and the driver write them, without
// blanks and in small letters. The rest is for people or has been withdrawn.
var entraWays = map[string]string{
	"activedirectorydefault":          azuread.ActiveDirectoryDefault,
	"activedirectorymanagedidentity":  azuread.ActiveDirectoryManagedIdentity,
	"activedirectorymsi":              azuread.ActiveDirectoryManagedIdentity,
	"activedirectoryserviceprincipal": azuread.ActiveDirectoryServicePrincipal,
	"activedirectoryapplication":      azuread.ActiveDirectoryServicePrincipal,
	"activedirectoryworkloadidentity": azuread.ActiveDirectoryWorkloadIdentity,
	"activedirectoryenvironment":      azuread.ActiveDirectoryEnvironment,
}

// server is a connection string that was understood.
type server struct {
	config msdsn.Config
	// text is the connection string as the driver alone would take it.
	text  string
	entra bool
}

// parseSQLServer takes the three forms of a connection string, and reads what
// SqlClient reads differently from the driver as SqlClient does: the connection
// is encrypted and the certificate verified unless it says otherwise. The
// driver's own errors are not passed on: they quote parts, and in a string with a
// stray semicolon such a part may be the password.
func parseSQLServer(text string) (server, error) {
	switch scheme, _, isURL := strings.Cut(text, "://"); {
	case isURL && strings.EqualFold(scheme, "sqlserver"):
		text = "sqlserver" + text[len(scheme):]
	case strings.HasPrefix(text, "odbc:"):
	case !strings.Contains(text, "="):
		return server{}, errUnknownForm
	case hasKey(text, "driver"):
		text = "odbc:" + text
	}
	first, err := msdsn.Parse(text)
	if err != nil {
		return server{}, errUnreadable
	}
	p := first.Parameters
	if p[msdsn.Server] == "" {
		return server{}, errUnknownForm
	}
	if err := adaptSignIn(p, runtime.GOOS); err != nil {
		return server{}, err
	}
	if p[msdsn.Encrypt] == "" {
		p[msdsn.Encrypt] = "true"
	}
	if p[msdsn.TrustServerCertificate] == "" {
		p[msdsn.TrustServerCertificate] = "false"
	}
	if p[msdsn.AppName] == "" {
		p[msdsn.AppName] = applicationName
	}
	delete(p, msdsn.LogParam) // the driver can log statements with their parameters
	delete(p, msdsn.Timezone) // our times are UTC
	s := server{text: odbc(p), entra: p[paramEntra] != ""}
	if s.config, err = msdsn.Parse(s.text); err != nil {
		return server{}, errUnreadable
	}
	return s, nil
}

// adaptSignIn reads Authentication and Integrated Security as SqlClient does. On
// Windows the driver signs in as the process's account when there is no user;
// elsewhere Kerberos does, with the credential cache or the keytab that the
// environment names.
func adaptSignIn(p map[string]string, system string) error {
	way := p["authentication"]
	if way == "" {
		way = p[paramEntra]
	}
	delete(p, "authentication")
	delete(p, paramEntra)
	way = strings.ToLower(strings.ReplaceAll(way, " ", ""))
	switch known := entraWays[way]; {
	case known != "":
		p[paramEntra] = known
		return nil
	case way == "activedirectoryintegrated" || way != "" && way != "sqlpassword":
		return errEntra
	}
	if !isTrue(p["integrated security"]) && !isTrue(p["trusted_connection"]) {
		return nil
	}
	if p[paramAuthenticator] == "" {
		delete(p, msdsn.UserID)
		delete(p, msdsn.Password)
		if system != "windows" {
			p[paramAuthenticator] = paramKerberos
		}
	}
	return nil
}

func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "sspi", "yes":
		return true
	}
	is, err := strconv.ParseBool(value)
	return err == nil && is
}

// odbc writes the settings as a connection string, in the one form that can
// quote everything.
func odbc(p map[string]string) string {
	var b strings.Builder
	b.WriteString("odbc:")
	for _, key := range slices.Sorted(maps.Keys(p)) {
		b.WriteString(key + "={" + strings.ReplaceAll(p[key], "}", "}}") + "};")
	}
	return b.String()
}

func hasKey(text, key string) bool {
	for part := range strings.SplitSeq(text, ";") {
		name, _, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(name), key) {
			return true
		}
	}
	return false
}

func serverTarget(c msdsn.Config) string {
	var b strings.Builder
	b.WriteString(c.Host)
	if c.Instance != "" {
		b.WriteString(`\` + c.Instance)
	}
	if c.Port != 0 {
		b.WriteString(":" + strconv.FormatUint(c.Port, 10))
	}
	if c.Database != "" {
		b.WriteString("/" + c.Database)
	}
	return b.String()
}
