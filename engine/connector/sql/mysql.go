package sqlconn

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"time"

	"github.com/go-sql-driver/mysql"
)

var errMySQL = errors.New("it cannot be read as a MySQL connection string; expected one such as " +
	"user@tcp(db.example:3306)/hr?tls=true (the text is not repeated here)")

func parseMySQL(connection string) (endpoint, error) {
	cfg, err := mysql.ParseDSN(connection)
	if err != nil {
		return endpoint{}, errMySQL
	}
	cfg.ParseTime = true
	cfg.Loc = time.UTC
	cfg.MultiStatements = false
	cfg.AllowAllFiles = false
	cfg.InterpolateParams = false
	// TIMESTAMP columns are converted to the session's zone on their way out.
	cfg.Params = maps.Clone(cfg.Params)
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	cfg.Params["time_zone"] = "'+00:00'"
	return endpoint{
		label: cfg.Addr + "/" + cfg.DBName, hasUser: cfg.User != "", hasPassword: cfg.Passwd != "",
		connector: func(password []byte, logger *slog.Logger) (driver.Connector, error) {
			own := cfg.Clone()
			own.Logger = mysqlLog{logger}
			if password != nil {
				own.Passwd = string(password)
			}
			return mysql.NewConnector(own)
		},
	}, nil
}

// mysqlLog takes what the driver would write to stderr.
type mysqlLog struct{ logger *slog.Logger }

func (l mysqlLog) Print(v ...any) {
	l.logger.Debug("the mysql driver reported a problem", "detail", fmt.Sprint(v...))
}

func renderMySQL(columnType string, value any) (string, bool) {
	b, ok := value.([]byte)
	if !ok {
		return "", false
	}
	switch columnType {
	case "BIT":
		return new(big.Int).SetBytes(b).String(), true
	case "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "GEOMETRY":
		return renderBinary(b), true
	}
	return "", false
}
