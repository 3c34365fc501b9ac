package sqlconn

import (
	"database/sql/driver"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

var errPostgres = errors.New("it cannot be read as a PostgreSQL connection string; expected one such as " +
	"postgres://user@db.example:5432/hr?sslmode=verify-full or host=db.example user=user dbname=hr, " +
	"with / ? # @ and % in names percent-encoded (the text is not repeated here)")

func parsePostgres(connection string) (endpoint, error) {
	if misplaced(connection) {
		return endpoint{}, errPostgres
	}
	cfg, err := pgx.ParseConfig(connection)
	if err != nil {
		return endpoint{}, errPostgres
	}
	host := net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	hasPassword := postgresPassword(connection)
	// Casts of times to text within the query must not depend on the server.
	setDefault(cfg.RuntimeParams, "timezone", "UTC")
	setDefault(cfg.RuntimeParams, "application_name", "identitymesh")
	return endpoint{
		label: host + "/" + cfg.Database, hasUser: true, hasPassword: hasPassword,
		connector: func(password []byte, _ *slog.Logger) (driver.Connector, error) {
			own := cfg.Copy()
			switch {
			case password != nil:
				own.Password = string(password)
			case !hasPassword:
				// The driver also looks into its environment and ~/.pgpass, but
				// passwords come from the secret store only.
				own.Password = ""
			}
			return stdlib.GetConnector(*own), nil
		},
	}, nil
}

// postgresPassword reports whether the text itself holds a password; the parsed
// configuration cannot tell, because the driver also fills it from elsewhere.
func postgresPassword(connection string) bool {
	scheme, rest, isURL := strings.Cut(connection, "://")
	if !isURL || scheme != "postgres" && scheme != "postgresql" {
		// The last setting of a key holds, so this one stays only when it is alone.
		const marker = "none"
		cfg, err := pgx.ParseConfig("password=" + marker + " sslpassword=" + marker + " " + connection)
		return err != nil || cfg.Password != marker || strings.Contains(strings.ToLower(connection), "sslpassword")
	}
	authority, query, _ := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 && strings.Contains(authority[:at], ":") {
		return true
	}
	return strings.Contains(strings.ToLower(query), "password=")
}

func setDefault(params map[string]string, key, value string) {
	for k := range params {
		if strings.EqualFold(k, key) {
			return
		}
	}
	params[key] = value
}

func renderPostgres(columnType string, value any) (string, bool) {
	switch v := value.(type) {
	case float64:
		if columnType == "FLOAT4" {
			return renderFloat(v, 32), true
		}
	case []byte:
		if columnType == "BYTEA" {
			return renderBinary(v), true
		}
	}
	return "", false
}
