package fakeserver

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	parameter = regexp.MustCompile(`@p(\d+)`)
	// forbidden are SQLite's own words, and T-SQL that behaves differently on
	// compatible servers or under load.
	forbidden = regexp.MustCompile(`(?i)\b(LIMIT|json_each|RETURNING|ON CONFLICT|MERGE|UPDLOCK|HOLDLOCK|NOLOCK|READPAST|ROWVERSION|GETDATE|SYSUTCDATETIME|TRUE|FALSE|INDEXED BY|CROSS JOIN)\b|\?`)
)

// statements returns what was sent without the ends of transactions.
func (s *Server) statements() []Statement {
	return slices.DeleteFunc(s.Sent(), func(st Statement) bool { return slices.Contains([]string{"BEGIN", "COMMIT", "ROLLBACK"}, st.Text) })
}

// Problems says of what was sent where parameters and arguments do not fit, where
// an idiom is used that we do not rely on, and where rows are counted off without
// an order.
func (s *Server) Problems() (found []string) {
	for _, st := range s.statements() {
		if word := forbidden.FindString(st.Text); word != "" {
			found = append(found, fmt.Sprintf("%q in %s", word, st.Text))
		}
		var numbers []int
		for _, m := range parameter.FindAllStringSubmatch(st.Text, -1) {
			n, _ := strconv.Atoi(m[1])
			numbers = append(numbers, n)
		}
		slices.Sort(numbers)
		numbers = slices.Compact(numbers)
		if len(numbers) != len(st.Args) || (len(numbers) > 0 && (numbers[0] != 1 || numbers[len(numbers)-1] != len(st.Args))) {
			found = append(found, fmt.Sprintf("parameters %v for %d arguments: %s", numbers, len(st.Args), st.Text))
		}
		if strings.Contains(st.Text, "FETCH NEXT") && !strings.Contains(st.Text, "ORDER BY") {
			found = append(found, "rows without an order: "+st.Text)
		}
	}
	return found
}

// Out is the variable that names the folder into which [Server.Keep] writes.
const Out = "IDENTITYMESH_TEST_SQL_OUT"

// Separator stands between the statements of a file of [Server.Keep].
const Separator = "\n;;\n"

// Keep writes what was sent, each statement once, to a file of that name for a
// parser of T-SQL, when the variable [Out] names a folder.
func (s *Server) Keep(name string) error {
	folder := os.Getenv(Out)
	if folder == "" {
		return nil
	}
	var texts []string
	for _, st := range s.statements() {
		texts = append(texts, st.Text)
	}
	slices.Sort(texts)
	return os.WriteFile(folder+"/"+name+".sql", []byte(strings.Join(slices.Compact(texts), Separator)), 0o600)
}
