package sqlconn

import "github.com/identitymesh/identitymesh/sdk/configschema"

// Schema describes a configuration. What depends on several keys at once is
// checked beside it.
func (Kind) Schema() configschema.Schema {
	return configschema.Schema{
		Fields: []configschema.Field{
			{Key: "driver", Type: configschema.Enum, Required: true, Values: []string{"sqlserver", "postgres", "mysql", "sqlite"},
				About: "Which database; `mysql` also for MariaDB"},
			{Key: "connectionString", Type: configschema.Text,
				About: "How to connect, without a password"},
			{Key: "passwordSecretRef", Type: configschema.Ref, OnlyWith: "connectionString",
				About: "Ref of the password that belongs to `connectionString`"},
			{Key: "connectionStringSecretRef", Type: configschema.Ref,
				About: "Ref of a whole connection string, password included, instead of `connectionString` and `passwordSecretRef`"},
			{Key: "query", Type: configschema.Text, Required: true,
				About: "The SELECT that returns the objects: one statement; with `deltaColumn` it compares that column with `@watermark`"},
			{Key: "fullQuery", Type: configschema.Text, OnlyWith: "deltaColumn",
				About: "One statement for full imports, without `@watermark`"},
			{Key: "anchorColumn", Type: configschema.Text, Required: true, Example: "employee_id",
				About: "The column whose value identifies a row for as long as it lives"},
			{Key: "deltaColumn", Type: configschema.Text,
				About: "The column that grows with each change of a row; without it every run reads everything"},
			{Key: "deltaType", Type: configschema.Enum, Values: []string{string(timestamps), string(integers)},
				RequiredWith: "deltaColumn", OnlyWith: "deltaColumn",
				About: "What the column holds; a `rowversion` of SQL Server is an `integer`"},
			{Key: "overlap", Type: configschema.DurationOrCount, OnlyWith: "deltaColumn",
				About: "How far below the watermark a delta begins: a duration for `timestamp`, of at least `1s` and `5m` when left out; " +
					"a number for `integer`, of at least 1 and `1000` when left out"},
			{Key: "orderedByDelta", Type: configschema.Bool, Default: "false", OnlyWith: "deltaColumn",
				About: "Promises that the rows come in the order of `deltaColumn`"},
			{Key: "objectType", Type: configschema.Text, Default: "user",
				About: "The type of the imported objects"},
			{Key: "pageSize", Type: configschema.Integer, Default: "1000", Min: "1", Max: "10000",
				About: "Rows that are staged together"},
			{Key: "timeout", Type: configschema.Duration, Default: "10m", Min: "1s", Max: "24h",
				About: "The longest that one query may take, until its last row is staged"},
		},
		ExactlyOne: [][]string{{"connectionString", "connectionStringSecretRef"}},
	}
}
