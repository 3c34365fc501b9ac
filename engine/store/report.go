package store

import (
	"encoding/json"
	"fmt"

	"github.com/identitymesh/identitymesh/engine/connector"
)

// reportColumn keeps a test's report as JSON; no report is an empty text.
type reportColumn struct{ report **connector.Report }

// Scan implements sql.Scanner.
func (c reportColumn) Scan(src any) error {
	var text []byte
	switch v := src.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("a report cannot be read from a %T", src)
	}
	*c.report = nil
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, c.report)
}

func reportText(r *connector.Report) (string, error) {
	if r == nil {
		return "", nil
	}
	text, err := json.Marshal(r)
	return string(text), err
}
