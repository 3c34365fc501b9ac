package sqlconn_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/engine/connector"
	sqlconn "github.com/identitymesh/identitymesh/engine/connector/sql"
)

func valid() map[string]any {
	return map[string]any{
		"driver": "postgres", "connectionString": "postgres://svc@db.example/hr", "passwordSecretRef": "secret://hr/db/password",
		"query": "SELECT * FROM people WHERE ts > @watermark", "anchorColumn": "id", "deltaColumn": "ts", "deltaType": "timestamp",
	}
}

func TestEveryKeyIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]any // nil removes a key
		want    []string       // "path: a part of the summary"
	}{
		"a valid one":                    {nil, nil},
		"everything that is optional":    {map[string]any{"fullQuery": "SELECT 1", "overlap": "1h", "orderedByDelta": true, "objectType": "person", "pageSize": 1, "timeout": "1s"}, nil},
		"integers":                       {map[string]any{"deltaType": "integer", "overlap": 1}, nil},
		"no delta":                       {map[string]any{"deltaColumn": nil, "deltaType": nil, "query": "SELECT 1"}, nil},
		"a whole connection string":      {map[string]any{"connectionString": nil, "passwordSecretRef": nil, "connectionStringSecretRef": "secret://a"}, nil},
		"no driver":                      {map[string]any{"driver": nil}, []string{"driver: it is required"}},
		"an unknown driver":              {map[string]any{"driver": "oracle"}, []string{"driver: expected one of sqlserver, postgres, mysql, sqlite"}},
		"a driver of the wrong type":     {map[string]any{"driver": 3}, []string{"driver: expected one of sqlserver, postgres, mysql, sqlite, found a number"}},
		"a null counts as absent":        {map[string]any{"objectType": json.RawMessage("null")}, nil},
		"no connection":                  {map[string]any{"connectionString": nil, "passwordSecretRef": nil}, []string{"connectionString: it is required"}},
		"both connections":               {map[string]any{"connectionStringSecretRef": "secret://a"}, []string{"connectionStringSecretRef: it excludes connectionString"}},
		"an unreadable connection":       {map[string]any{"connectionString": "postgres://%zz"}, []string{"connectionString: it cannot be read"}},
		"a ref that is none":             {map[string]any{"passwordSecretRef": "canary"}, []string{"passwordSecretRef: expected a reference such as secret://"}},
		"a whole ref that is none":       {map[string]any{"connectionString": nil, "passwordSecretRef": nil, "connectionStringSecretRef": "canary"}, []string{"connectionStringSecretRef: expected a reference such as secret://"}},
		"no user for the password":       {map[string]any{"driver": "mysql", "connectionString": "tcp(db.example)/hr"}, []string{"connectionString: it names no user"}},
		"credentials for sqlite":         {map[string]any{"driver": "sqlite", "connectionString": "hr.db"}, []string{"passwordSecretRef: sqlite has no credentials"}},
		"parameters for sqlite":          {map[string]any{"driver": "sqlite", "connectionString": "file:hr.db?mode=rw", "passwordSecretRef": nil}, []string{"connectionString: for sqlite it is the path"}},
		"no query":                       {map[string]any{"query": nil}, []string{"query: it is required"}},
		"a blank query":                  {map[string]any{"query": " "}, []string{"query: it must not be empty"}},
		"two statements":                 {map[string]any{"query": "SELECT @watermark; SELECT 2"}, []string{"query: it holds more than one statement"}},
		"a query without the parameter":  {map[string]any{"query": "SELECT 1"}, []string{"query: with deltaColumn it must compare that column with @watermark, as in WHERE ts > @watermark"}},
		"the parameter without a column": {map[string]any{"deltaColumn": nil, "deltaType": nil}, []string{"query: it uses @watermark"}},
		"a bad fullQuery":                {map[string]any{"fullQuery": "SELECT '"}, []string{"fullQuery: a quote or a comment in it is not closed"}},
		"the parameter in fullQuery":     {map[string]any{"fullQuery": "SELECT @watermark"}, []string{"fullQuery: it reads everything"}},
		"no anchor":                      {map[string]any{"anchorColumn": nil}, []string{"anchorColumn: it is required"}},
		"a blank anchor":                 {map[string]any{"anchorColumn": ""}, []string{"anchorColumn: it must not be empty"}},
		"no deltaType":                   {map[string]any{"deltaType": nil}, []string{"deltaType: it is required"}},
		"an unknown deltaType":           {map[string]any{"deltaType": "date"}, []string{"deltaType: expected one of timestamp, integer"}},
		"a count for timestamps":         {map[string]any{"overlap": 5}, []string{"overlap: with deltaType timestamp a duration from 1s to 8784h is expected"}},
		"a duration for integers":        {map[string]any{"deltaType": "integer", "overlap": "5m"}, []string{"overlap: with deltaType integer a whole number of at least 1 is expected"}},
		"no overlap at all":              {map[string]any{"overlap": "0s"}, []string{"overlap: with deltaType timestamp a duration from 1s"}},
		"a count of nothing":             {map[string]any{"deltaType": "integer", "overlap": 0}, []string{"overlap: with deltaType integer a whole number of at least 1"}},
		"an overlap that is none":        {map[string]any{"overlap": "soon"}, []string{"overlap: expected a duration or a whole number"}},
		"an order that is none":          {map[string]any{"orderedByDelta": "yes"}, []string{"orderedByDelta: expected true or false, found a text"}},
		"a page that is too large":       {map[string]any{"pageSize": 10001}, []string{"pageSize: expected a whole number from 1 to 10000"}},
		"half a row":                     {map[string]any{"pageSize": 1.5}, []string{"pageSize: expected a whole number"}},
		"no time":                        {map[string]any{"timeout": "1ms"}, []string{"timeout: expected a duration from 1s to 24h"}},
		"a blank type":                   {map[string]any{"objectType": ""}, []string{"objectType: it must not be empty"}},
		"a key in other case":            {map[string]any{"anchorColumn": nil, "AnchorColumn": "id"}, nil},
		"a key twice, in other case":     {map[string]any{"AnchorColumn": "id"}, []string{"anchorColumn: it is given more than once"}},
		"a key that is misspelt":         {map[string]any{"ancorColumn": "id"}, []string{"ancorColumn: this key is not known; did you mean anchorColumn?"}},
		"keys of deltas without a column": {
			map[string]any{"deltaColumn": nil, "query": "SELECT 1", "overlap": "1m", "orderedByDelta": true, "fullQuery": "SELECT 1"},
			[]string{"fullQuery: it has no meaning without deltaColumn", "deltaType: it has no meaning", "overlap: it has no meaning", "orderedByDelta: it has no meaning"},
		},
		"everything at once": {
			map[string]any{"driver": "x", "connectionString": 1, "query": 2, "anchorColumn": 3, "pageSize": "4", "timeout": 5, "objectType": 6, "deltaType": 7, "password": "canary"},
			[]string{
				"driver: expected one of", "connectionString: expected a text, found a number", "query: expected a text", "anchorColumn: expected a text",
				"deltaType: expected one of", "objectType: expected a text", "pageSize: expected a whole number from 1 to 10000, found a text",
				"timeout: expected a duration from 1s to 24h", "password: this key is not known",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := valid()
			maps.Copy(config, c.changes)
			maps.DeleteFunc(config, func(_ string, v any) bool { return v == nil })
			raw, _ := json.Marshal(config)
			var got []string
			for _, d := range (sqlconn.Kind{}).Validate(raw) {
				got = append(got, d.String())
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if strings.Contains(fmt.Sprint(got), "canary") {
				t.Error("a problem repeats what may be a secret")
			}
		})
	}
}

func TestAConfigurationThatIsNoObjectIsRefused(t *testing.T) {
	for _, raw := range []string{"", "null", "[]", `"canary"`, "{", `{"a":1} {}`} {
		problems := sqlconn.Kind{}.Validate(json.RawMessage(raw))
		if !problems.HasErrors() || strings.Contains(problems.Err().Error(), "canary") {
			t.Errorf("%s: %v", raw, problems)
		}
	}
}

func TestAPasswordInTheConnectionStringIsRefusedAndNotRepeated(t *testing.T) {
	for _, c := range []struct{ driver, text string }{
		{"postgres", "postgres://u:canary@db.example/hr"},
		{"postgres", "postgres://u:canary@a.example:1,b.example:2/hr"},
		{"postgres", "postgresql://u@db.example/hr?sslmode=require&PASSWORD=canary"},
		{"postgres", "postgres://u@db.example/hr?password=canary"},
		{"postgres", "host=db.example user=u password=canary"},
		{"postgres", "host=db.example user=u password = 'canary x'"},
		{"mysql", "u:canary@tcp(db.example)/hr"},
		{"sqlserver", "sqlserver://u:canary@db.example?database=hr"},
		{"sqlserver", "server=db.example;user id=u;Password=canary"},
		{"sqlserver", "server=db.example;uid=u;pwd=canary"},
		{"sqlserver", "odbc:server=db.example;user id=u;password={canary}"},
	} {
		config := valid()
		config["driver"], config["connectionString"] = c.driver, c.text
		raw, _ := json.Marshal(config)
		problems := sqlconn.Kind{}.Validate(raw)
		if len(problems) != 1 || problems[0].Path != "connectionString" || strings.Contains(problems[0].String(), "canary") {
			t.Errorf("%s %s: %v", c.driver, c.text, problems)
		}
	}
}

func TestRefsOfAConfigurationAreKnown(t *testing.T) {
	config := valid()
	for _, want := range []string{"[secret://hr/db/password]", "[]", "[secret://whole]"} {
		raw, _ := json.Marshal(config)
		if got := fmt.Sprint(connector.SecretRefs(sqlconn.Kind{}, raw)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if delete(config, "passwordSecretRef"); want == "[]" {
			delete(config, "connectionString")
			config["connectionStringSecretRef"] = "secret://whole"
		}
	}
}
