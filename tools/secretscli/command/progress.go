package command

import "github.com/identitymesh/identitymesh/sdk/commandline"

// progress returns what tells people, and no program, how far it is.
func (t *tool) progress() func(done, all int) {
	if t.json {
		return func(int, int) {}
	}
	return commandline.NewProgress(commandline.ProgressConfig{Out: t.Stderr, Unit: "secrets", Now: t.Now}).Set
}
