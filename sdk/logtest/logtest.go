// Package logtest keeps what is logged while a test reads it. Start reading at [Buffer].
package logtest

import (
	"bytes"
	"sync"
)

// Buffer is a [bytes.Buffer] for goroutines that write and read at once, as programs
// do that log while a test waits for a line. Its zero value is empty and ready.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to what is there; it never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
