package sqlconn

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// config is a checked configuration. Its keys are described in
// docs/connectors-sql.md.
type config struct {
	dialect *dialect

	// Either connection or connectionRef is set.
	connection    string
	connectionRef secret.Ref
	passwordRef   secret.Ref

	query, fullQuery query
	anchorColumn     string
	objectType       string
	pageSize         int
	timeout          time.Duration

	// deltaColumn is empty when changes cannot be told; then so are the rest.
	deltaColumn string
	deltaType   deltaType
	overlap     overlap
	ordered     bool
}

// deltaType says how the values of the delta column are ordered.
type deltaType string

const (
	timestamps deltaType = "timestamp"
	integers   deltaType = "integer"
)

// overlap is how far below the watermark a delta begins. It is never zero, so
// that rows which share the last value are read again.
type overlap struct {
	span  time.Duration
	count int64
}

func (c config) secretRef() secret.Ref {
	if c.connectionRef != "" {
		return c.connectionRef
	}
	return c.passwordRef
}

func parseConfig(raw json.RawMessage) (config, diag.List) {
	v, problems := Kind{}.Schema().Read(raw)
	if v == nil {
		return config{}, problems
	}
	c := config{
		dialect:    dialects[v.Text("driver")],
		connection: v.Text("connectionString"), connectionRef: v.Ref("connectionStringSecretRef"), passwordRef: v.Ref("passwordSecretRef"),
		anchorColumn: v.Text("anchorColumn"), objectType: v.Text("objectType"),
		pageSize: int(v.Int("pageSize")), timeout: v.Duration("timeout"),
		deltaColumn: v.Text("deltaColumn"), deltaType: deltaType(v.Text("deltaType")), ordered: v.Bool("orderedByDelta"),
		overlap: overlap{span: 5 * time.Minute, count: 1000},
	}
	if c.dialect != nil {
		c.parseConnection(v, &problems)
		c.parseQueries(v, &problems)
	}
	if v.Has("overlap") && !v.Wrong("overlap") {
		c.parseOverlap(v, &problems)
	}
	return c, problems
}

func (c *config) parseConnection(v *configschema.Values, problems *diag.List) {
	if c.dialect.noCredentials {
		for _, key := range []string{"connectionStringSecretRef", "passwordSecretRef"} {
			if v.Has(key) {
				problems.Errorf(key, "%s has no credentials; give the file in connectionString", c.dialect.name)
			}
		}
	}
	if c.connection == "" {
		return
	}
	e, err := c.dialect.parse(c.connection)
	switch {
	case err != nil:
		problems.Errorf("connectionString", "%s", err)
	case e.hasPassword:
		problems.Errorf("connectionString", "it holds a password; remove it there, store it as a secret and name that in passwordSecretRef")
	case v.Has("passwordSecretRef") && !e.hasUser && !c.dialect.noCredentials:
		problems.Errorf("connectionString", "it names no user for the password of passwordSecretRef")
	}
}

// longestOverlap keeps a delta from becoming a full import unnoticed.
const longestOverlap = 366 * 24 * time.Hour

// parseOverlap reads the amount that the type of the delta column asks for.
func (c *config) parseOverlap(v *configschema.Values, problems *diag.List) {
	switch count, span := v.Int("overlap"), v.Duration("overlap"); c.deltaType {
	case integers:
		if c.overlap.count = count; count < 1 {
			problems.Errorf("overlap", "with deltaType %s a whole number of at least 1 is expected", integers)
		}
	case timestamps:
		if c.overlap.span = span; span < time.Second || span > longestOverlap {
			problems.Errorf("overlap", "with deltaType %s a duration from 1s to %.0fh is expected", timestamps, longestOverlap.Hours())
		}
	}
}

func (c *config) parseQueries(v *configschema.Values, problems *diag.List) {
	text, full := v.Text("query"), v.Text("fullQuery")
	var err error
	if text != "" {
		if c.query, err = parseQuery(text, c.dialect, c.deltaType); err != nil {
			problems.Errorf("query", "%s", err)
		} else if bound := c.query.uses > 0; bound != v.Has("deltaColumn") {
			problems.Errorf("query", "%s", map[bool]string{
				true:  "it uses " + parameter + ", which has no meaning without deltaColumn",
				false: fmt.Sprintf("with deltaColumn it must compare that column with %s, as in WHERE %s > %[1]s", parameter, c.deltaColumn),
			}[bound])
		}
	}
	if full != "" {
		if c.fullQuery, err = parseQuery(full, c.dialect, c.deltaType); err != nil {
			problems.Errorf("fullQuery", "%s", err)
		} else if c.fullQuery.uses > 0 {
			problems.Errorf("fullQuery", "it reads everything, so it must not use %s", parameter)
		}
	}
}
