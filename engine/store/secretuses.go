package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// SecretUses returns the refs in the configurations of connectors, each with the names
// of those, whatever their type: for tools, which know no types.
func (s *Store) SecretUses(ctx context.Context) (map[secret.Ref][]string, error) {
	const page = 200
	out := map[secret.Ref][]string{}
	for after := ""; ; {
		connectors, err := s.ListConnectors(ctx, after, page)
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, fault.SourceHost, "list the connectors", err)
		}
		for _, c := range connectors {
			var document any
			if err := json.Unmarshal(c.Config, &document); err != nil {
				return nil, fmt.Errorf("the configuration of connector %s is no JSON: %w", c.Name, err)
			}
			for ref := range refsIn(document) {
				out[ref] = append(out[ref], c.Name)
			}
			after = c.Name
		}
		if len(connectors) < page {
			return out, nil
		}
	}
}

// refsIn returns every text in a JSON document that is a ref.
func refsIn(document any) map[secret.Ref]bool {
	out := map[secret.Ref]bool{}
	var look func(any)
	look = func(v any) {
		switch v := v.(type) {
		case string:
			if ref, err := secret.ParseConfigRef(v); err == nil {
				out[ref] = true
			}
		case []any:
			for _, e := range v {
				look(e)
			}
		case map[string]any:
			for _, e := range v {
				look(e)
			}
		}
	}
	look(document)
	return out
}
