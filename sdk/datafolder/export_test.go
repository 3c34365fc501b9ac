package datafolder

// The access lists are texts, so that they can be judged on every system.
var (
	LookInto = lookInto
	Closed   = closed
)
