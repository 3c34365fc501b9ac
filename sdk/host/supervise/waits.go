package supervise

import "time"

// Every wait of a supervisor.
const (
	// StartLimit is how long a start may take, from opening the file to the
	// answer to Configure. It allows for a virus scanner's first look.
	StartLimit = 30 * time.Second
	// FirstPause follows the first failure within BudgetWindow and doubles with
	// each further one: 0.5, 1, 2, 4 and 8 s. Each is shortened at random by up to
	// a half, so that hosts do not retry in step.
	FirstPause = 500 * time.Millisecond
	// Budget is how many failures and violations within BudgetWindow are forgiven;
	// one more and the plugin is quarantined.
	Budget       = 5
	BudgetWindow = 10 * time.Minute
	// ProbeInterval is how often a plugin is asked for a sign of life that nobody
	// misses: rarely enough to cost nothing, often enough that one that froze over
	// night is replaced before the morning's first call.
	ProbeInterval = 30 * time.Second
	// ProbeLimit is how long a probe waits for the answer, which takes a plugin
	// less than a millisecond, and so how often a silent one is asked. It allows for
	// a host that swaps.
	ProbeLimit = 5 * time.Second
	// ProbeMisses is how many probes in a row must go unanswered before the process
	// is ended. One or two can be a machine that stood still.
	ProbeMisses = 3
	// NoticeLimit is how long a caller whose connection broke waits for the end of
	// the process to be noticed.
	NoticeLimit = 2 * time.Second
	// DrainWait is how long a process that was replaced may go on with the calls
	// under way: as long as a call that states no deadline may take.
	DrainWait = 30 * time.Second
	// DrainLimit is how long a plugin may take to answer Drain.
	DrainLimit = 2 * time.Second
)
