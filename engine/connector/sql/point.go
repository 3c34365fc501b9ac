package sqlconn

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/engine/connector"
)

// point is a value of the delta column. Only one of its fields is in use, which
// one says the [deltaType].
type point struct {
	at time.Time
	n  int64
}

func (p point) compare(q point) int {
	return cmp.Or(p.at.Compare(q.at), cmp.Compare(p.n, q.n))
}

// parsePoint reads a value as the driver gave it. A binary value is a rowversion
// when integers are expected.
func parsePoint(t deltaType, value any, binaryColumn bool) (point, error) {
	if b, ok := value.([]byte); ok {
		if t == integers && binaryColumn && len(b) == 8 && b[0] < 0x80 {
			return point{n: int64(binary.BigEndian.Uint64(b))}, nil
		}
		value = string(b)
	}
	if t == timestamps {
		at, err := parseTime(value)
		// The offset at the source stays, without the rules of a zone.
		_, offset := at.Zone()
		return point{at: at.In(time.FixedZone("", offset))}, err
	}
	switch v := value.(type) {
	case int64:
		return point{n: v}, nil
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return point{n: n}, nil
		}
		return point{}, fmt.Errorf("%q is not a whole number of 64 bits with a sign", v)
	}
	return point{}, fmt.Errorf("%v is not a whole number of 64 bits with a sign", value)
}

func parseTime(value any) (time.Time, error) {
	switch v := value.(type) {
	case time.Time:
		return v, nil
	case string:
		switch v { // PostgreSQL has them
		case "infinity":
			return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), nil
		case "-infinity":
			return time.Time{}, nil
		}
		if at, ok := parseTextTime(v); ok {
			return at, nil
		}
		return time.Time{}, fmt.Errorf("%q is not a timestamp", v)
	}
	return time.Time{}, fmt.Errorf("%v is not a timestamp; is deltaType integer meant?", value)
}

// lowest returns the argument for a query that is to return everything.
func (c config) lowest() any {
	if c.deltaType == integers {
		return c.dialect.lowest
	}
	return c.dialect.stamp(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC))
}

// argument returns what a delta compares with: p less the overlap.
func (c config) argument(p point) any {
	if c.deltaType == timestamps {
		return c.dialect.stamp(p.at.Add(-c.overlap.span))
	}
	if low := c.dialect.lowest; p.n < low+c.overlap.count {
		return low
	}
	return p.n - c.overlap.count
}

// mark is the form of a watermark.
type mark struct {
	Version int       `json:"v"`
	Driver  string    `json:"driver"`
	Column  string    `json:"column"`
	Type    deltaType `json:"type"`
	// Value in RFC 3339 or in decimal.
	Value string `json:"value"`
}

const markVersion = 1

func (c config) watermark(p point) connector.Watermark {
	m := mark{Version: markVersion, Driver: c.dialect.name, Column: c.deltaColumn, Type: c.deltaType}
	if c.deltaType == timestamps {
		m.Value = p.at.Format(time.RFC3339Nano)
	} else {
		m.Value = strconv.FormatInt(p.n, 10)
	}
	text, _ := json.Marshal(m) // texts and a number cannot fail
	return connector.Watermark(text)
}

// since reads a watermark. Each of its errors asks for a full import.
func (c config) since(w connector.Watermark) (point, error) {
	full := func(why string) (point, error) { return point{}, &connector.FullRequiredError{Why: why} }
	var m mark
	switch {
	case c.deltaColumn == "":
		return full("no deltaColumn is configured")
	case w == "":
		return full("nothing was read yet")
	case json.Unmarshal([]byte(w), &m) != nil || m.Version != markVersion:
		return full("the stored watermark has an unknown form")
	case m.Driver != c.dialect.name:
		return full("the watermark was made with the driver " + m.Driver)
	case !strings.EqualFold(m.Column, c.deltaColumn):
		return full("the watermark was made with the deltaColumn " + m.Column)
	case m.Type != c.deltaType:
		return full("the watermark was made with the deltaType " + string(m.Type))
	}
	var p point
	var err error
	if c.deltaType == timestamps {
		p.at, err = time.Parse(time.RFC3339Nano, m.Value)
	} else {
		p.n, err = strconv.ParseInt(m.Value, 10, 64)
	}
	if err != nil {
		return full("the stored watermark has an unknown form")
	}
	return p, nil
}
