package sqlconn

import (
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/golang-sql/civil"
	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

var errSQLServer = errors.New("it cannot be read as a SQL Server connection string; expected one such as " +
	"sqlserver://user@db.example:1433?database=hr or server=db.example;user id=user;database=hr, " +
	"with special characters of a URL percent-encoded (the text is not repeated here)")

func parseSQLServer(connection string) (endpoint, error) {
	if misplaced(connection) {
		return endpoint{}, errSQLServer
	}
	cfg, err := msdsn.Parse(connection)
	if err != nil || cfg.Parameters[msdsn.Server] == "" || cfg.ChangePassword != "" {
		return endpoint{}, errSQLServer
	}
	// These show data and parameters on stderr.
	cfg.LogFlags = 0
	cfg.Encoding.Timezone = time.UTC
	// renderSQLServer does it, for anchors and attributes alike.
	cfg.Encoding.GuidConversion = false
	if cfg.Parameters[msdsn.AppName] == "" {
		cfg.AppName = "identitymesh"
	}
	label := cfg.Host
	if cfg.Instance != "" {
		label += `\` + cfg.Instance
	}
	if cfg.Port != 0 {
		label += ":" + strconv.FormatUint(cfg.Port, 10)
	}
	// odbc: strings may say pwd, which the driver does not know as a password.
	_, odbcPassword := cfg.Parameters["pwd"]
	return endpoint{
		label: label + "/" + cfg.Database, hasUser: cfg.User != "", hasPassword: cfg.Password != "" || odbcPassword,
		connector: func(password []byte, _ *slog.Logger) (driver.Connector, error) {
			own := cfg
			if password != nil {
				own.Password = string(password)
			}
			return mssql.NewConnectorConfig(own), nil
		},
	}, nil
}

// stampSQLServer gives a datetime2: compared with the datetimeoffset that the
// driver makes of a time, a datetime2 column could not use its index. Compared
// with a datetimeoffset column it counts as UTC.
func stampSQLServer(t time.Time) any { return civil.DateTimeOf(t.UTC()) }

func renderSQLServer(columnType string, value any) (string, bool) {
	switch v := value.(type) {
	case []byte:
		switch columnType {
		case "UNIQUEIDENTIFIER":
			return renderGUID(v), true
		case "BINARY", "VARBINARY", "IMAGE":
			return renderBinary(v), true
		}
	case float64:
		if columnType == "REAL" {
			return renderFloat(v, 32), true
		}
	case time.Time:
		if columnType == "TIME" {
			return v.Format("15:04:05.999999999"), true
		}
	}
	return "", false
}

// renderGUID returns the text that SQL Server itself shows for a
// uniqueidentifier, in lower case. Its first three groups travel with their
// lowest byte first.
func renderGUID(b []byte) string {
	if len(b) != 16 {
		return renderBinary(b)
	}
	ordered := []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}
	ordered = append(ordered, b[8:]...)
	text := hex.EncodeToString(ordered)
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}
