package conformance

import (
	"fmt"
	"strings"
	"sync"
)

// trial is one case on its way. Its methods may be called concurrently.
type trial struct {
	*suite
	kase Case

	mu       sync.Mutex
	problems []string
}

// maxProblems is how many problems of one case are told; the first ones say most.
const maxProblems = 8

// failf notes what was expected and what came; the case goes on.
func (t *trial) failf(format string, args ...any) { t.problem(fmt.Errorf(format, args...)) }

func (t *trial) problem(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, t.leaks.redact(err.Error()))
}

// found returns the problems so far, one a line.
func (t *trial) found() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.problems); n > maxProblems {
		return strings.Join(t.problems[:maxProblems], "\n") + fmt.Sprintf("\n(and %d more)", n-maxProblems)
	}
	return strings.Join(t.problems, "\n")
}

// ref returns a ref that no other case uses.
func (t *trial) ref(name string) string {
	if t.kase.again {
		name = "again/" + name
	}
	return fmt.Sprintf("%s%s/%s", t.prefix(), t.kase.Name, name)
}

// skipError ends a case that does not concern the plugin or cannot be tried.
type skipError struct {
	why   string
	unmet bool
}

func (e *skipError) Error() string { return e.why }

func skipf(format string, args ...any) error { return &skipError{why: fmt.Sprintf(format, args...)} }

// unmet is a skip that the caller could have avoided.
func unmet(format string, args ...any) error {
	return &skipError{why: fmt.Sprintf(format, args...), unmet: true}
}

// parallel runs do n times at once and waits for all.
func parallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}
