package protector

import (
	"context"
	"sync"
)

// Host keeps the protector of this host at hand and takes a new one when the key
// was rotated by another process. It is safe for concurrent use.
type Host struct {
	keys hostKeys

	mu      sync.Mutex
	current *Protector
}

// NewHost returns the host's protectors. It opens nothing yet.
func NewHost(cfg Config) *Host { return &Host{keys: newHostKeys(cfg)} }

// Current returns the protector that was there last, or opens it; the first use
// on a host makes its key. A failure is not kept: the operator mends the key file,
// and the next call finds it. Errors are [*keyfile.Error] where there is such a
// file.
func (h *Host) Current(ctx context.Context) (*Protector, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil {
		opened, err := h.keys.open(ctx)
		if err != nil {
			return nil, err
		}
		h.current = opened
	}
	return h.current, nil
}

// Opener returns the protector that opens what the key keyID sealed. When that key
// is unknown the keys are read anew; if it still is, [Protector.Knows] says so.
func (h *Host) Opener(ctx context.Context, keyID string) (*Protector, error) {
	p, err := h.Current(ctx)
	if err != nil || p.Knows(keyID) {
		return p, err
	}
	p, done, err := h.Sealer(ctx)
	if err != nil {
		return nil, err
	}
	done()
	return p, nil
}

// Sealer returns the protector with the newest key, and makes sure that no key is
// retired until done is called, which is when the result was stored.
func (h *Host) Sealer(ctx context.Context) (p *Protector, done func(), err error) {
	known, err := h.Current(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, done, err = h.keys.use(ctx, known)
	if err != nil {
		return nil, nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = p
	return p, done, nil
}
