package run

import "time"

// LimitTests replaces the limit of test runs, which no test can wait for.
func (r *Runner) LimitTests(limit time.Duration) { r.testLimit = limit }
