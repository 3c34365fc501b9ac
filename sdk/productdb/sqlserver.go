package productdb

import (
	"database/sql/driver"
	"strconv"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

const (
	maxServerConns  = 16
	idleServerConns = 4
	applicationName = "IdentityMesh"
)

func openSQLServer(cfg Config, text string) (*DB, error) {
	parsed, err := parseSQLServer(text)
	if err != nil {
		return nil, err
	}
	return OnServer(newBoundedConnector(mssql.NewConnectorConfig(parsed)), serverTarget(parsed), cfg), nil
}

// OnServer returns a database of the dialect SQL Server whose connections are
// made by connector, for tests that stand in for the server.
func OnServer(connector driver.Connector, target string, cfg Config) *DB {
	pool := cfg.pool(connector)
	pool.SetMaxOpenConns(maxServerConns)
	pool.SetMaxIdleConns(idleServerConns)
	return &DB{Dialect: SQLServer, Write: pool, Read: pool, Target: target, jitter: cfg.Jitter}
}

// parseSQLServer takes the three forms of a connection string. The driver's own
// errors are not passed on: they quote parts, and in a string with a stray
// semicolon such a part may be the password.
func parseSQLServer(text string) (msdsn.Config, error) {
	unknown := configError("the connection string is neither sqlserver://…, nor Server=…;Database=…, " +
		"nor Driver={…};Server=…, nor sqlite:<path>; it is not repeated here because it may hold a password")
	switch scheme, _, isURL := strings.Cut(text, "://"); {
	case isURL && strings.EqualFold(scheme, "sqlserver"):
		text = "sqlserver" + text[len(scheme):]
	case strings.HasPrefix(text, "odbc:"):
	case !strings.Contains(text, "="):
		return msdsn.Config{}, unknown
	case hasKey(text, "driver"):
		text = "odbc:" + text
	}
	parsed, err := msdsn.Parse(text)
	if err != nil {
		return msdsn.Config{}, configError("the SQL Server connection string could not be read: check quoting, port, timeouts " +
			"and the settings for encryption and certificates; it is not repeated here because it may hold a password")
	}
	if parsed.Parameters[msdsn.Server] == "" {
		return msdsn.Config{}, unknown
	}
	if _, named := parsed.Parameters[msdsn.AppName]; !named {
		parsed.AppName = applicationName
	}
	// The driver can log statements with their parameters.
	parsed.LogFlags = 0
	return parsed, nil
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
