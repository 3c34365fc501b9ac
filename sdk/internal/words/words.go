// Package words reads what people write in configuration: the key that they
// meant when they wrote another one, and durations in the two forms they know.
// Start reading at [Closest] and [Duration].
package words

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Closest returns the one of names that was most likely meant by name, without
// regard to case, or "".
func Closest(name string, names []string) string {
	const tolerated = 2
	best, least := "", tolerated+1
	for _, n := range names {
		// Two letters off a short word is another word.
		if d := Distance(name, n); d < least && d*3 <= len(n) {
			best, least = n, d
		}
	}
	return best
}

// Distance counts the letters to insert, remove, replace or swap with their
// neighbour that make b out of a, without regard to case: the optimal string
// alignment. It is large for words that are longer than any key.
func Distance(a, b string) int {
	const tooLong = 64 // no key of ours is nearly that long
	a, b = strings.ToLower(a), strings.ToLower(b)
	if len(a) > tooLong || len(b) > tooLong {
		return tooLong
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// timeSpan is the form of .NET, [days.]hours:minutes[:seconds[.fraction]]. There,
// a single number would be days, and hours above 23 would be days as well, so
// neither is taken here.
var timeSpan = regexp.MustCompile(`^(?:(\d{1,4})\.)?([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d(?:\.\d{1,7})?))?$`)

// Duration reads a duration in the form of Go, with a unit, or of .NET.
func Duration(text string) (d time.Duration, ok bool) {
	m := timeSpan.FindStringSubmatch(text)
	if m == nil {
		d, err := time.ParseDuration(text)
		// Go takes a bare 0 without a unit.
		return d, err == nil && strings.ContainsFunc(text, func(c rune) bool { return c >= 'a' })
	}
	or0 := func(s string) string {
		if s == "" {
			return "0"
		}
		return s
	}
	days, _ := strconv.Atoi(or0(m[1])) // at most four digits, as the pattern says
	d, err := time.ParseDuration(or0(m[2]) + "h" + m[3] + "m" + or0(m[4]) + "s")
	return time.Duration(days)*24*time.Hour + d, err == nil
}
