// Package deps pins requirements while rooms are being built; removed at the end.
package deps

import (
	_ "github.com/RoaringBitmap/roaring/v2/roaring64"
	_ "github.com/adhocore/gronx"
	_ "github.com/go-asn1-ber/asn1-ber"
	_ "github.com/go-ldap/ldap/v3"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/gofrs/flock"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/microsoft/go-mssqldb"
	_ "github.com/pressly/goose/v3"
	_ "github.com/urfave/cli/v2"
	_ "go.opentelemetry.io/otel"
	_ "go.opentelemetry.io/otel/sdk/trace"
	_ "modernc.org/sqlite"
	_ "github.com/identitymesh/identitymesh/sdk/provider"
)
