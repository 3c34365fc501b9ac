package persona

import (
	"slices"
)

// Persona is one plugin that misbehaves.
type Persona struct {
	// Name is what follows "persona-" in the name of its file.
	Name string
	// About says in one sentence what it does.
	About string
	// Breaks are the anchors of the rules in docs/spec that a check of this plugin
	// must find broken, and no others. It is empty for those whose conduct only a
	// host can judge, and for the good one.
	Breaks []string

	part part
}

// Refs that make a persona act, for those that wait to be told. Everything else
// about them is as usual.
const (
	// Trigger makes a persona that waits for it misbehave when it is read.
	Trigger = "secret://persona/trigger"
	// PID has the number of the process for its value, in every persona.
	PID = "secret://persona/pid"
)

// Mark is the variable by which a test finds the processes of its plugin: they
// hand it to whatever they fork. Its value is the test's own.
const Mark = "PERSONA_MARK"

// All returns the personas, the good one first. Each call returns new ones.
func All() []Persona {
	return slices.Concat(
		[]Persona{{Name: "good", About: "Breaks nothing."}},
		starters(), quitters(), clingers(), talkers(), impostors(), giants(),
		misreaders(), listers(), writers(), removers(), mangler(), failers(), setters(), oddities(),
	)
}
