package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// maxUsers is how many of the connectors that use one secret are named.
const maxUsers = 20

// SecretUse is who uses a secret, and how its last read went.
type SecretUse struct {
	// Connectors use it, at most 20 of them; Count is how many there are.
	Connectors []ConnectorName
	Count      int64
	// Last is the last read by a run, its Used zero when there was none.
	Last SecretRead
}

// ConnectorName names a connector.
type ConnectorName struct{ ID, Name string }

// SecretRead is how a run's read of a secret went.
type SecretRead struct {
	Ref  string
	Used time.Time
	// Outcome is OK or the name of a fault's reason, Message what the system said.
	Outcome, Message string
	Connector        ConnectorName
	RunID            string
}

// texts returns a table expression of the texts of a JSON array, as the column
// value of t.
func (s *Store) texts(parameter string) string {
	if s.db.Dialect == productdb.SQLite {
		return "(SELECT value FROM json_each(" + parameter + ")) t"
	}
	return "(SELECT CAST(value AS nvarchar(36)) COLLATE Latin1_General_100_BIN2 AS value FROM OPENJSON(" + parameter + ")) t"
}

// UsesOf returns who uses the secrets of those names, by name.
func (s *Store) UsesOf(ctx context.Context, names []string) (map[string]SecretUse, error) {
	uses := make(map[string]SecretUse, len(names))
	if len(names) == 0 {
		return uses, nil
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	err = s.query(ctx, s.db.Read, "list users of secrets", func(rows *sql.Rows) error {
		var name string
		var c ConnectorName
		err := rows.Scan(&name, &c.ID, &c.Name)
		use := uses[name]
		use.Connectors = append(use.Connectors, c)
		uses[name] = use
		return err
	}, "SELECT x.name, c.id, c.name FROM "+s.texts("@p1")+` INNER JOIN IM_ConnectorRefs x ON x.name = t.value
		AND x.connector_id IN (SELECT y.connector_id FROM IM_ConnectorRefs y WHERE y.name = t.value ORDER BY y.connector_id`+s.db.Dialect.Limit("@p2")+`)
		INNER JOIN IM_Connectors c ON c.id = x.connector_id ORDER BY c.name_key`, string(list), maxUsers)
	if err != nil {
		return nil, err
	}
	err = s.query(ctx, s.db.Read, "count users of secrets", func(rows *sql.Rows) error {
		var name string
		var n int64
		err := rows.Scan(&name, &n)
		use := uses[name]
		use.Count = n
		uses[name] = use
		return err
	}, "SELECT x.name, COUNT(*) FROM "+s.texts("@p1")+" INNER JOIN IM_ConnectorRefs x ON x.name = t.value GROUP BY x.name", string(list))
	if err != nil {
		return nil, err
	}
	err = s.query(ctx, s.db.Read, "read last reads of secrets", func(rows *sql.Rows) error {
		var name string
		var r SecretRead
		err := rows.Scan(&name, &r.Ref, &productTime{&r.Used}, &r.Outcome, &r.Message, &r.Connector.ID, &r.Connector.Name, &r.RunID)
		use := uses[name]
		use.Last = r
		uses[name] = use
		return err
	}, "SELECT u.name, u.ref, u.last_used, u.outcome, u.message, u.connector_id, u.connector_name, u.run_id FROM "+s.texts("@p1")+
		" INNER JOIN IM_SecretUse u ON u.name = t.value", string(list))
	return uses, err
}

// UsedSecret is a secret that connectors use.
type UsedSecret struct{ Name, Ref string }

// ListUsedSecrets returns at most limit secrets that connectors use, in the order
// of their names in the store, those after the name given; empty begins.
func (s *Store) ListUsedSecrets(ctx context.Context, after string, limit int) (list []UsedSecret, err error) {
	err = s.query(ctx, s.db.Read, "list used secrets", func(rows *sql.Rows) error {
		var u UsedSecret
		err := rows.Scan(&u.Name, &u.Ref)
		list = append(list, u)
		return err
	}, "SELECT x.name, MIN(x.ref) FROM IM_ConnectorRefs x WHERE x.name > @p1 GROUP BY x.name ORDER BY x.name"+s.db.Dialect.Limit("@p2"), after, limit)
	return list, err
}

// RecordReads writes how a run's reads of its secrets went.
func (s *Store) RecordReads(ctx context.Context, reads []SecretRead) error {
	if len(reads) == 0 {
		return nil
	}
	record := func(tx *sql.Tx) error {
		for _, r := range reads {
			args := []any{r.Used, r.Outcome, clip(r.Message, maxErrorBytes), r.Connector.ID, r.Connector.Name, r.RunID, r.Ref, naming.Name(r.Ref)}
			n, err := s.exec(ctx, tx, "update read of secret", `UPDATE IM_SecretUse SET last_used = @p1, outcome = @p2, message = @p3,
				connector_id = @p4, connector_name = @p5, run_id = @p6, ref = @p7 WHERE name = @p8`, args...)
			if err != nil {
				return err
			}
			if n > 0 {
				continue
			}
			if _, err := s.exec(ctx, tx, "insert read of secret", `INSERT INTO IM_SecretUse
				(last_used, outcome, message, connector_id, connector_name, run_id, ref, name)
				VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8)`, args...); err != nil {
				return err
			}
		}
		return nil
	}
	err := s.db.InWriteTx(ctx, record)
	if productdb.IsUniqueViolation(err) { // another run inserted it in between
		err = s.db.InWriteTx(ctx, record)
	}
	return err
}
