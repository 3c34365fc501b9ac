package sqlconn_test

import (
	"fmt"
	"strings"
	"testing"

	sqlconn "github.com/identitymesh/identitymesh/engine/connector/sql"
)

var drivers = []string{"sqlserver", "postgres", "mysql", "sqlite"}

func TestTheParameterIsFoundOnlyWhereItIsAToken(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		uses  int
		only  string // drivers that it concerns; all when empty
	}{
		"once":                                  {"SELECT 1 WHERE t > @watermark", 1, ""},
		"twice, in any case":                    {"SELECT 1 WHERE a>@Watermark OR b>=@WATERMARK", 2, ""},
		"between operators":                     {"SELECT (@watermark+1)*-@watermark", 2, ""},
		"a longer name":                         {"SELECT @watermark2, @watermarks, @watermark_x, @watermärk", 0, ""},
		"a server variable":                     {"SELECT @@watermark", 0, ""},
		"the tail of a name":                    {"SELECT x@watermark", 0, ""},
		"in a string":                           {"SELECT '@watermark', 'it''s @watermark'", 0, ""},
		"after a string with a doubled quote":   {"SELECT 'it''s' WHERE t > @watermark", 1, ""},
		"in a quoted name":                      {`SELECT "@watermark", "a "" @watermark"`, 0, ""},
		"in a line comment":                     {"SELECT 1 -- @watermark\n", 0, ""},
		"after a line comment":                  {"SELECT 1 -- it's\n WHERE t > @watermark", 1, ""},
		"in a block comment":                    {"SELECT /* it's @watermark */ 1", 0, ""},
		"in a nested comment":                   {"SELECT /* a /* b */ @watermark */ 1", 0, "postgres sqlserver"},
		"after a comment that does not nest":    {"SELECT /* a /* b */ @watermark", 1, "mysql sqlite"},
		"in brackets":                           {"SELECT [@watermark], [it's @watermark] FROM t", 0, "sqlserver sqlite"},
		"in brackets with a doubled end":        {"SELECT [a]] @watermark] FROM t", 0, "sqlserver"},
		"as a subscript":                        {"SELECT a[@watermark] FROM t", 1, "postgres"},
		"in backticks":                          {"SELECT `@watermark`, `it's` FROM t", 0, "mysql sqlite"},
		"in a string with a backslash":          {`SELECT 'it\'s @watermark'`, 0, "mysql"},
		"after a string that ends in one":       {`SELECT 'c:\' WHERE t > @watermark`, 1, "postgres sqlserver sqlite"},
		"in an escape string":                   {`SELECT E'it\'s @watermark', e'\\' || '@watermark'`, 0, "postgres"},
		"after a name that ends in e":           {`SELECT name'x\' WHERE t > @watermark`, 1, "postgres"},
		"in a dollar quote":                     {"SELECT $$it's @watermark$$, $a1$ $$ @watermark $a1$", 0, "postgres"},
		"after dollars that quote nothing":      {"SELECT $1, a$b$, $2 WHERE t > @watermark", 1, "postgres"},
		"in a comment that a hash begins":       {"SELECT 1 # it's @watermark", 0, "mysql"},
		"after two minus signs without a blank": {"SELECT 1--@watermark", 1, "mysql"},
		"before a last semicolon":               {"SELECT @watermark ; -- done\n;", 1, ""},
		"after a first semicolon":               {";WITH c AS (SELECT 1) SELECT @watermark", 1, "sqlserver"},
		"among letters of other scripts":        {"SELECT 'ü' AS größe, 名 FROM t WHERE Ж > @watermark", 1, ""},
	} {
		for _, driver := range drivers {
			if c.only != "" && !strings.Contains(c.only, driver) {
				continue
			}
			offsets, err := sqlconn.Lex(driver, c.query)
			if err != nil || len(offsets) != c.uses {
				t.Errorf("%s, %s: %d uses, %v; want %d", name, driver, len(offsets), err, c.uses)
			}
		}
	}
}

func TestAQueryThatIsNotOneStatementIsRefused(t *testing.T) {
	for _, c := range []struct{ query, want, only string }{
		{"SELECT 1; DELETE FROM people", "more than one statement", ""},
		{"SELECT 1;;'x'", "more than one statement", ""},
		{"SELECT 'open", "not closed", ""},
		{`SELECT "open`, "not closed", ""},
		{"SELECT 1 /* open", "not closed", ""},
		{"SELECT /*/", "not closed", ""},
		{"SELECT [open", "not closed", "sqlserver sqlite"},
		{"SELECT `open", "not closed", "mysql sqlite"},
		{"SELECT $x$ open $y$", "not closed", "postgres"},
		{"SELECT E'open\\'", "not closed", "postgres"},
		{"SELECT /*!50000 @watermark */ 1", "executable comments", "mysql"},
		{" ; -- nothing\n /* at all */", "no statement", ""},
	} {
		for _, driver := range drivers {
			if c.only != "" && !strings.Contains(c.only, driver) {
				continue
			}
			if _, err := sqlconn.Lex(driver, c.query); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %q: %v, want %q", driver, c.query, err, c.want)
			}
		}
	}
}

func TestEachDriverGetsItsOwnParameters(t *testing.T) {
	const query = "SELECT '@watermark' WHERE a > @Watermark OR b > @watermark"
	for driver, want := range map[string]string{
		"sqlserver": "SELECT '@watermark' WHERE a > @watermark OR b > @watermark [{{} watermark 7}]",
		"postgres":  "SELECT '@watermark' WHERE a > $1::bigint OR b > $1::bigint [7]",
		"mysql":     "SELECT '@watermark' WHERE a > ? OR b > ? [7 7]",
		"sqlite":    "SELECT '@watermark' WHERE a > ?1 OR b > ?1 [7]",
	} {
		text, args, err := sqlconn.Bind(driver, "integer", query, 7)
		if got := fmt.Sprint(text, " ", args); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", driver, got, err, want)
		}
	}
}

// TestServersReadQuotesAsTheLexerDoes lets each server judge: the parameter is
// only where the lexer saw it, or the number of arguments would be wrong.
func TestServersReadQuotesAsTheLexerDoes(t *testing.T) {
	queries := map[string][]string{
		"": {
			"SELECT 'it''s @watermark' AS id, 1 AS n WHERE 5 > @watermark",
			`SELECT 'a' AS id, 1 AS n -- it's @watermark` + "\n" + ` WHERE /* @watermark ' */ 5 > @Watermark;`,
		},
		"postgres": {
			`SELECT 'c:\' AS id, E'\' @watermark' AS "@watermark", 1 AS n WHERE 5 > @watermark`,
			`SELECT $a$it's @watermark$a$ AS id, 1 AS n /* a /* b */ ' */ WHERE 5 > @watermark`,
			`SELECT (ARRAY['a]''b'])[1] AS id, 1 AS n WHERE 5 > @watermark AND 6 > @watermark`,
		},
		"mysql": {
			"SELECT 'it\\'s @watermark' AS id, \"it's @watermark\" AS `@watermark`, 1 AS n FROM dual WHERE 5 > @watermark AND 6 > @watermark",
			"SELECT 'a' AS id, 1--1 AS n # it's @watermark\n FROM dual WHERE 5 > @watermark",
		},
		"sqlite": {
			"SELECT 'c:\\' AS id, 1 AS [@watermark'], 2 AS `@watermark`, 1 AS n WHERE 5 > @watermark AND 6 > @watermark",
		},
	}
	eachSource(t, func(t *testing.T, s *source) {
		for _, query := range append(queries[""], queries[s.driver]...) {
			if s.driver == "mysql" {
				query = strings.Replace(query, " WHERE /*", " FROM dual WHERE /*", 1)
				query = strings.Replace(query, "n WHERE", "n FROM dual WHERE", 1)
			}
			c, _ := s.open(s.with(map[string]any{"query": query, "deltaColumn": "n", "deltaType": "integer"}))
			if r := full(t, c); r.err != nil || len(r.objects) != 1 {
				t.Errorf("%s: %d objects, %v", query, len(r.objects), r.err)
			}
		}
	})
}

func FuzzLexer(f *testing.F) {
	for _, seed := range []string{
		"SELECT a FROM t WHERE b > @watermark", `E'\'@watermark' $a$ @watermark $a$ [@watermark] ` + "`@watermark`",
		"/* /* @watermark */ */ -- @watermark\n@watermark # @watermark", "'", "$", "$a", "@@watermark;@watermark", "\xff@watermark\x00", "e'", "/*/", "--",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, driver := range drivers {
			offsets, err := sqlconn.Lex(driver, query)
			if err != nil {
				if offsets != nil {
					t.Fatalf("%s: offsets beside an error", driver)
				}
				continue
			}
			// What was found is the parameter, in order, and is not seen when it
			// stands in a string or a comment.
			end := 0
			for _, at := range offsets {
				if at < end || !strings.EqualFold(query[at:at+len("@watermark")], "@watermark") {
					t.Fatalf("%s: %v", driver, offsets)
				}
				end = at + len("@watermark")
			}
			for _, hidden := range []string{"'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(query) + "'"} {
				if inner, err := sqlconn.Lex(driver, hidden); err != nil || len(inner) != 0 {
					t.Fatalf("%s: in quotes: %v, %v", driver, inner, err)
				}
			}
			// More of it is found behind the query, unless a name or a comment
			// swallows it or the statement has ended.
			more, err := sqlconn.Lex(driver, query+"\n+@watermark")
			if err == nil && len(more) != len(offsets)+1 {
				t.Fatalf("%s: %d uses, then %d", driver, len(offsets), len(more))
			}
			// Replaced by a name of the same length it is gone.
			b := []byte(query)
			for _, at := range offsets {
				copy(b[at:], "@watermarx")
			}
			if rest, err := sqlconn.Lex(driver, string(b)); err != nil || len(rest) != 0 {
				t.Fatalf("%s: %v left over, %v", driver, rest, err)
			}
		}
	})
}
