package servertest_test

import (
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/productdb/fakeserver"
	"github.com/identitymesh/identitymesh/sdk/productdb/servertest"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestADatabaseIsDroppedWhenItsTestEnds(t *testing.T) {
	server := &fakeserver.Server{Reply: func(text string) fakeserver.Answer {
		if strings.HasPrefix(text, "SELECT") {
			return fakeserver.Answer{Rows: [][]driver.Value{{"IM_test_old"}}}
		}
		return fakeserver.Answer{}
	}}
	var names []string
	for name, end := range map[string]func(*testing.T){
		"as it should":      func(*testing.T) {},
		"before it is done": func(t *testing.T) { t.SkipNow() },
	} {
		t.Run(name, func(t *testing.T) {
			lent, err := servertest.Lend(t, server.DB().Write)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, lent)
			end(t)
		})
	}
	if len(names) != 2 || names[0] == names[1] {
		t.Fatalf("lent %v", names)
	}
	for _, name := range names {
		if server.Count("CREATE DATABASE ["+name+"]") != 1 || server.Count("DROP DATABASE ["+name+"]") != 1 {
			t.Errorf("%s: sent %v", name, server.Sent())
		}
	}
	if server.Count("DROP DATABASE [IM_test_old]") != 2 {
		t.Errorf("what was left is left: %v", server.Sent())
	}
}

func TestTheDatabaseIsNamedInEveryForm(t *testing.T) {
	for _, text := range []string{
		"sqlserver://sa:p@db.example:1444?Database=master&encrypt=true",
		"sqlserver://sa:p@db.example:1444",
		"Server=db.example,1444;Initial Catalog=master;User ID=sa;Password=p;",
		"Driver={ODBC Driver 18 for SQL Server};Server=db.example;Port=1444;Database=master;UID=sa;PWD={p}",
	} {
		db, err := productdb.Open(t.Context(), productdb.Config{ConnectionString: secret.NewValue([]byte(servertest.Within(text, "IM_test_X")))})
		if err != nil {
			t.Fatal(text, err)
		}
		if db.Target != "db.example:1444/IM_test_X" {
			t.Errorf("%s became %s", text, db.Target)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
