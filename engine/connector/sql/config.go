package sqlconn

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

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
	k := newKeys(raw)
	if k.values == nil {
		return config{}, k.finish()
	}
	var c config
	driver := k.oneOf("driver", "sqlserver", "postgres", "mysql", "sqlite")
	if !k.has("driver") {
		k.problems.Errorf("driver", "it is required; expected one of sqlserver, postgres, mysql, sqlite")
	}
	c.dialect = dialects[driver]
	c.parseConnection(k)
	c.parseDelta(k)
	c.parseQueries(k)
	c.anchorColumn = k.text("anchorColumn", "")
	if !k.has("anchorColumn") {
		k.problems.Errorf("anchorColumn", "it is required: the column whose value identifies a row for ever")
	}
	c.objectType = k.text("objectType", "user")
	c.pageSize = int(k.number("pageSize", 1000, 1, 10_000))
	c.timeout = k.duration("timeout", 10*time.Minute, time.Second, 24*time.Hour)
	return c, k.finish()
}

func (c *config) parseConnection(k *keys) {
	c.connection = k.text("connectionString", "")
	c.connectionRef = ref(k, "connectionStringSecretRef")
	c.passwordRef = ref(k, "passwordSecretRef")
	wholeRef, text, password := k.has("connectionStringSecretRef"), k.has("connectionString"), k.has("passwordSecretRef")
	switch {
	case wholeRef && text:
		k.problems.Errorf("connectionStringSecretRef", "it excludes connectionString; keep one of them")
	case !wholeRef && !text:
		k.problems.Errorf("connectionString", "it is required, or connectionStringSecretRef instead of it")
	}
	if wholeRef && password {
		k.problems.Errorf("passwordSecretRef", "it excludes connectionStringSecretRef, whose value holds the password already")
	}
	if c.dialect == nil {
		return
	}
	if c.dialect.noCredentials {
		for _, key := range []string{"connectionStringSecretRef", "passwordSecretRef"} {
			if k.has(key) {
				k.problems.Errorf(key, "%s has no credentials; give the file in connectionString", c.dialect.name)
			}
		}
	}
	if c.connection == "" {
		return
	}
	e, err := c.dialect.parse(c.connection)
	switch {
	case err != nil:
		k.problems.Errorf("connectionString", "%s", err)
	case e.hasPassword:
		k.problems.Errorf("connectionString", "it holds a password; remove it there, store it as a secret and name that in passwordSecretRef")
	case password && !e.hasUser && !c.dialect.noCredentials:
		k.problems.Errorf("connectionString", "it names no user for the password of passwordSecretRef")
	}
}

func ref(k *keys, key string) secret.Ref {
	text := k.text(key, "")
	if text == "" {
		return ""
	}
	r, err := secret.ParseConfigRef(text)
	if err != nil {
		k.problems.Errorf(key, "%s", err)
	}
	return r
}

func (c *config) parseDelta(k *keys) {
	c.deltaColumn = k.text("deltaColumn", "")
	c.deltaType = deltaType(k.oneOf("deltaType", string(timestamps), string(integers)))
	k.value("orderedByDelta", "true or false", &c.ordered)
	c.overlap = overlap{span: 5 * time.Minute, count: 1000}
	switch {
	case !k.has("overlap"):
		k.asked = append(k.asked, "overlap")
	case c.deltaType == integers:
		c.overlap.count = k.number("overlap", c.overlap.count, 1, math.MaxInt64)
	default:
		c.overlap.span = k.duration("overlap", c.overlap.span, time.Second, 366*24*time.Hour)
	}
	if k.has("deltaColumn") {
		if !k.has("deltaType") {
			k.problems.Errorf("deltaType", "it is required with deltaColumn; expected one of timestamp, integer")
		}
		return
	}
	for _, key := range []string{"deltaType", "overlap", "orderedByDelta", "fullQuery"} {
		if k.has(key) {
			k.problems.Errorf(key, "it has no meaning without deltaColumn")
		}
	}
}

func (c *config) parseQueries(k *keys) {
	text, full := k.text("query", ""), k.text("fullQuery", "")
	if !k.has("query") {
		k.problems.Errorf("query", "it is required: the SELECT that returns the objects")
	}
	if c.dialect == nil {
		return
	}
	var err error
	if text != "" {
		if c.query, err = parseQuery(text, c.dialect, c.deltaType); err != nil {
			k.problems.Errorf("query", "%s", err)
		} else if bound := c.query.uses > 0; bound != k.has("deltaColumn") {
			k.problems.Errorf("query", "%s", map[bool]string{
				true:  "it uses " + parameter + ", which has no meaning without deltaColumn",
				false: fmt.Sprintf("with deltaColumn it must compare that column with %s, as in WHERE %s > %[1]s", parameter, c.deltaColumn),
			}[bound])
		}
	}
	if full != "" {
		if c.fullQuery, err = parseQuery(full, c.dialect, c.deltaType); err != nil {
			k.problems.Errorf("fullQuery", "%s", err)
		} else if c.fullQuery.uses > 0 {
			k.problems.Errorf("fullQuery", "it reads everything, so it must not use %s", parameter)
		}
	}
}
