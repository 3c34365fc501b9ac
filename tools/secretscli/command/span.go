package command

import (
	"strconv"
	"strings"
	"time"
)

// maxDays keeps a span within what a [time.Duration] holds.
const maxDays = 100 * 365

// span reads a duration, or whole days, which durations do not know.
func span(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > maxDays {
			return 0, false
		}
		return time.Duration(n) * 24 * time.Hour, true
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}
