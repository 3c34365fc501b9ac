package sqlconn_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	sqlconn "github.com/identitymesh/identitymesh/engine/connector/sql"
)

// types are expressions of each database and the text that they become; "-"
// stands for an attribute that is absent.
var types = map[string][][2]string{
	"postgres": {
		{"NULL::text", "-"}, {"''::text", ""}, {"'Größe 名'::varchar", "Größe 名"}, {"'ab'::char(4)", "ab  "},
		{"true", "true"}, {"false", "false"},
		{"32767::smallint", "32767"}, {"-7", "-7"}, {"9223372036854775807", "9223372036854775807"}, {"4294967295::oid", "4294967295"},
		{"123456789012345678901234567890.1200::numeric", "123456789012345678901234567890.1200"}, {"'NaN'::numeric", "NaN"},
		{"0.1::real", "0.1"}, {"16777217::double precision", "16777217"}, {"1e300::float8", "1e+300"}, {"1e20::float8", "100000000000000000000"},
		{"'2026-03-01'::date", "2026-03-01"}, {"'10:11:12.5'::time", "10:11:12.5"},
		{"'2026-03-01 10:11:12.123456'::timestamp", "2026-03-01T10:11:12.123456Z"}, {"'2026-03-01 10:11:12'::timestamp", "2026-03-01T10:11:12Z"},
		{"'2026-03-01 10:11:12+02'::timestamptz", "2026-03-01T08:11:12Z"}, {"('2026-03-01 10:11:12+02'::timestamptz)::text", "2026-03-01 08:11:12+00"},
		{"'infinity'::timestamp", "infinity"}, {"'{3F2504E0-4F89-11D3-9A0C-0305E82C3301}'::uuid", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"},
		{`'\x00ff'::bytea`, "AP8="}, {`'\x41'::bytea`, "QQ=="}, {`'{"a": 1}'::jsonb`, `{"a": 1}`}, {`'<a/>'::xml`, "<a/>"},
		{"ARRAY['a','b']", "{a,b}"}, {"'10.0.0.1'::inet", "10.0.0.1"}, {"interval '1 day'", "1 day"},
	},
	"mysql": {
		{"CAST(NULL AS CHAR)", "-"}, {"''", ""}, {"'Größe 名'", "Größe 名"},
		{"TRUE", "1"}, {"-7", "-7"}, {"CAST(18446744073709551615 AS UNSIGNED)", "18446744073709551615"}, {"b", "257"}, {"f", "123456790"},
		{"CAST(12345678901234567890.1200 AS DECIMAL(30,4))", "12345678901234567890.1200"},
		{"CAST(0.1 AS FLOAT)", "0.1"}, {"1e300", "1e+300"}, {"16777217e0", "16777217"},
		{"DATE '2026-03-01'", "2026-03-01"}, {"TIME '10:11:12.5'", "10:11:12.5"}, {"TIMESTAMP '2026-03-01 10:11:12.123456'", "2026-03-01T10:11:12.123456Z"},
		{"FROM_UNIXTIME(0)", "1970-01-01T00:00:00Z"}, {"UNHEX('00FF')", "AP8="}, {"UNHEX('41')", "QQ=="}, {"CAST('A' AS BINARY(1))", "QQ=="},
		{`JSON_OBJECT('a', 1)`, `{"a": 1}`}, {"CAST('0000-00-00 00:00:00' AS DATETIME)", "-"},
		{"CAST('3F2504E0-4F89-11D3-9A0C-0305E82C3301' AS UUID)", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"},
	},
	"sqlite": {
		{"NULL", "-"}, {"''", ""}, {"'Größe 名'", "Größe 名"}, {"9223372036854775807", "9223372036854775807"}, {"0.1", "0.1"}, {"1e300", "1e+300"},
		{"x'00ff'", "AP8="}, {"x'41'", "QQ=="}, {"CAST(x'ff' AS TEXT)", "/w=="}, {"'2026-03-01T10:11:12Z'", "2026-03-01T10:11:12Z"},
	},
}

func TestEveryTypeHasOneTextWithAndWithoutAParameter(t *testing.T) {
	eachSource(t, func(t *testing.T, s *source) {
		var columns []string
		for i, c := range types[s.driver] {
			columns = append(columns, fmt.Sprintf("%s AS c%d", c[0], i))
		}
		from := map[string]string{"mysql": " FROM stored"}[s.driver]
		query := "SELECT 'a' AS id, 1 AS n, " + strings.Join(columns, ", ") + from
		if s.driver == "mysql" {
			s.exec("SET GLOBAL sql_mode = ''") // which allows the zero date
			s.exec("CREATE TABLE stored (b bit(9), f float)")
			s.exec("INSERT INTO stored VALUES (b'100000001', 123456790)")
		}
		c, _ := s.open(s.with(map[string]any{
			"query": query + " WHERE 1 > @watermark", "fullQuery": query, "deltaColumn": "n", "deltaType": "integer", "overlap": 5,
		}))
		first := full(t, c).must(t)
		for name, r := range map[string]*read{"full": first, "delta": delta(t, c, first.watermark).must(t)} {
			o := r.objects["a"]
			for i, c := range types[s.driver] {
				got := o.Get(fmt.Sprintf("c%d", i))
				if absent := c[1] == "-"; absent != (got == nil) || !absent && (len(got) != 1 || got[0] != c[1]) {
					t.Errorf("%s: %s is %q, want %q", name, c[0], got, c[1])
				}
			}
		}
	})
}

func TestAnchorsAreRenderedLikeAttributes(t *testing.T) {
	for driver, query := range map[string]string{
		"postgres": "SELECT '3F2504E0-4F89-11D3-9A0C-0305E82C3301'::uuid AS id", "mysql": "SELECT UNHEX('00FF') AS ID", "sqlite": "SELECT 1.5 AS Id",
	} {
		s := newSource(t, driver)
		c, _ := s.open(s.with(map[string]any{"query": query}))
		for anchor, o := range full(t, c).must(t).objects {
			if got := o.Get("id"); len(got) != 1 || got[0] != anchor {
				t.Errorf("%s: the anchor is %q, the attribute %q", driver, anchor, got)
			}
		}
	}
}

func TestSQLiteTimesAreComparedAsTheyAreWritten(t *testing.T) {
	for name, c := range map[string]struct{ column, old, last, same string }{
		"texts with a blank":       {"TEXT", "2026-03-01 10:00:00", "2026-03-01 12:00:00", "2026-03-01 12:00:00"},
		"texts with a T and a Z":   {"TEXT", "2026-02-28T10:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"},
		"texts with fractions":     {"TEXT", "2026-03-01 10:00:00.5", "2026-03-01 12:00:00.123", "2026-03-01 12:00:00.123"},
		"declared timestamps":      {"DATETIME", "2026-03-01 10:00:00", "2026-03-01 12:00:00.25", "2026-03-01 12:00:00.25"},
		"an offset to the west":    {"TIMESTAMP", "2026-03-01 05:00:00-05:00", "2026-03-01 07:00:00-05:00", "2026-03-01 07:00:00-05:00"},
		"an offset in a text":      {"TEXT", "2026-03-01 05:00:00-05:00", "2026-03-01 07:00:00-05:00", "2026-03-01 07:00:00-05:00"},
		"an offset to the east":    {"TEXT", "2026-03-01 10:00:00+02:00", "2026-03-01 14:00:00+02:00", "2026-03-01 14:00:00+02:00"},
		"dates":                    {"DATE", "2026-02-01", "2026-03-01", "2026-03-01"},
		"what Go programs write":   {"TEXT", "2026-03-01 10:00:00 +0000 UTC", "2026-03-01 12:00:00.5 +0000 UTC", "2026-03-01 12:00:00.5 +0000 UTC"},
		"hours and minutes":        {"TEXT", "2026-03-01 10:00", "2026-03-01 12:00", "2026-03-01 12:00"},
		"a mix of both separators": {"TEXT", "2026-02-28 10:00:00", "2026-03-01 12:00:00", "2026-03-01T12:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t, "sqlite")
			s.exec("CREATE TABLE people (id TEXT, name TEXT, ts " + c.column + ")")
			s.exec("INSERT INTO people VALUES ('old', '', ?), ('last', '', ?)", c.old, c.last)
			conn, _ := s.open(s.byTime(nil))
			r := full(t, conn).must(t)
			if r.anchors() != "last old" {
				t.Fatalf("full: %s", r.anchors())
			}
			s.exec("INSERT INTO people VALUES ('same', '', ?)", c.same)
			if r = delta(t, conn, r.watermark).must(t); r.anchors() != "last same" {
				t.Fatalf("delta from %s: %s", r.watermark, r.anchors())
			}
		})
	}
}

func TestServersCompareTimesInTheFormTheyKeepThemIn(t *testing.T) {
	for driver, columns := range map[string][]string{
		"postgres": {"timestamp", "timestamptz", "timestamp(0)", "date"},
		"mysql":    {"datetime", "datetime(6)", "timestamp NULL", "timestamp(3) NULL", "date"},
	} {
		for _, column := range columns {
			t.Run(driver+" "+column, func(t *testing.T) {
				s := newSource(t, driver)
				s.exec("CREATE TABLE people (id varchar(9), name varchar(9), ts " + column + ")")
				for id, ts := range map[string]time.Time{"old": clock.AddDate(0, 0, -3), "last": clock.Add(123456 * time.Microsecond)} {
					s.exec("INSERT INTO people VALUES (?, '', ?)", id, ts)
				}
				c, _ := s.open(s.byTime(map[string]any{"overlap": "1s"}))
				r := full(t, c).must(t)
				s.exec("INSERT INTO people SELECT 'same', '', ts FROM people WHERE id = 'last'")
				if r = delta(t, c, r.watermark).must(t); r.anchors() != "last same" {
					t.Fatalf("delta from %s: %s", r.watermark, r.anchors())
				}
			})
		}
	}
}

func TestSQLServerValuesAsTheDriverGivesThem(t *testing.T) {
	guid := []byte{0xE0, 0x04, 0x25, 0x3F, 0x89, 0x4F, 0xD3, 0x11, 0x9A, 0x0C, 0x03, 0x05, 0xE8, 0x2C, 0x33, 0x01}
	at := time.Date(2026, 3, 1, 10, 11, 12, 123456700, time.FixedZone("", 7200))
	for _, c := range []struct {
		column string
		value  any
		want   string
	}{
		{"UNIQUEIDENTIFIER", guid, "3f2504e0-4f89-11d3-9a0c-0305e82c3301"},
		{"DECIMAL", []byte("12345678901234567890.1200"), "12345678901234567890.1200"}, {"MONEY", []byte("1.5000"), "1.5000"},
		{"BIT", true, "true"}, {"BIGINT", int64(-7), "-7"}, {"REAL", float64(float32(0.1)), "0.1"}, {"FLOAT", 0.1, "0.1"},
		{"NVARCHAR", "Größe", "Größe"}, {"BINARY", []byte("A"), "QQ=="}, {"VARBINARY", []byte{0, 255}, "AP8="},
		{"DATETIMEOFFSET", at, "2026-03-01T08:11:12.1234567Z"}, {"DATETIME2", at.UTC(), "2026-03-01T08:11:12.1234567Z"},
		{"DATE", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "2026-03-01"},
		{"TIME", time.Date(1, 1, 1, 10, 11, 12, 5e8, time.UTC), "10:11:12.5"},
		{"DATETIME2", time.Time{}, "0001-01-01T00:00:00Z"}, {"GEOGRAPHY", []byte{255}, base64.StdEncoding.EncodeToString([]byte{255})},
	} {
		if got, err := sqlconn.Render("sqlserver", c.column, c.value); err != nil || got != c.want {
			t.Errorf("%s %v: %q, %v; want %q", c.column, c.value, got, err, c.want)
		}
	}
	if _, err := sqlconn.Render("sqlserver", "ODD", struct{}{}); err == nil || !strings.Contains(err.Error(), "cast it to text") {
		t.Error(err)
	}
}

func TestDeltaArgumentsOfSQLServer(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 3333300, time.UTC)
	for _, c := range []struct {
		deltaType, column string
		value             any
		want              string
	}{
		{"timestamp", "DATETIME2", at, "civil.DateTime 2026-03-01T09:55:00.003333300"},
		{"timestamp", "DATETIMEOFFSET", at.In(time.FixedZone("", -18000)), "civil.DateTime 2026-03-01T09:55:00.003333300"},
		{"integer", "BINARY", []byte{0, 0, 0, 0, 0, 0, 39, 16}, "int64 9990"},
		{"integer", "DECIMAL", []byte("12345678"), "int64 12345668"},
		{"integer", "BIGINT", int64(3), "int64 0"},
		{"integer", "BINARY", []byte{255, 0, 0, 0, 0, 0, 0, 0}, "error"},
		{"integer", "DECIMAL", []byte("1.5"), "error"},
		{"integer", "FLOAT", 1.0, "error"},
		{"timestamp", "BIGINT", int64(3), "error"},
		{"timestamp", "NVARCHAR", "yesterday", "error"},
	} {
		got, err := sqlconn.DeltaArgument("sqlserver", c.deltaType, c.column, c.value, 5*time.Minute, 10)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s %s %v: %s, %v; want %s", c.deltaType, c.column, c.value, got, err, c.want)
		}
	}
}

func TestAReadWithoutASnapshotGoesBackToItsBeginning(t *testing.T) {
	for driver, want := range map[string]string{"sqlserver": "11:50:00Z", "postgres": "12:00:00Z"} {
		if got := sqlconn.Watermark(driver, clock, 10*time.Minute); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", driver, got, want)
		}
	}
}

func TestErrorsNameTheServerAndTheDatabase(t *testing.T) {
	for _, c := range []struct{ driver, text, want string }{
		{"postgres", "postgres://u@db.example/hr", "db.example:5432/hr"},
		{"postgres", "host=db.example port=6000 user=u dbname=hr", "db.example:6000/hr"},
		{"mysql", "u@tcp(db.example)/hr", "db.example:3306/hr"},
		{"sqlserver", "sqlserver://u@db.example:1444/inst?database=hr", `db.example\inst:1444/hr`},
		{"sqlserver", "Server=tcp:db.example,1444;Initial Catalog=hr;User Id=u", "db.example:1444/hr"},
		{"sqlserver", "odbc:server=db.example;database=hr;user id=u", "db.example/hr"},
		{"sqlite", "var/hr.db", "var/hr.db"},
	} {
		label, user, password, err := sqlconn.Label(c.driver, c.text)
		if err != nil || label != c.want || password || user == (c.driver == "sqlite") {
			t.Errorf("%s: %q, user %v, password %v, %v; want %q", c.text, label, user, password, err, c.want)
		}
	}
}
