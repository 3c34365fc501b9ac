package command

import (
	"fmt"
	"time"
)

// tellEvery is how often people are told of progress.
const tellEvery = 2 * time.Second

// progress returns what tells people, and no program, how far it is.
func (t *tool) progress() func(done, all int) {
	told := t.Now()
	return func(done, all int) {
		if now := t.Now(); !t.json && now.Sub(told) >= tellEvery {
			told = now
			t.note(fmt.Sprintf("%d of %d secrets", done, all))
		}
	}
}
