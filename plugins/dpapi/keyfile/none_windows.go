package keyfile

import (
	"context"
)

// Keys do not exist where the system keeps them.
type Keys struct {
	Rotating  bool
	WrappedBy string
}

func (*Keys) Primary() string { return "" }
func (*Keys) IDs() []string   { return nil }

// The functions of the other systems; each returns [ErrNone].
func (Folder) Open(context.Context) (*Keys, error)             { return nil, ErrNone }
func (Folder) AddPrimary(context.Context) (*Keys, bool, error) { return nil, false, ErrNone }
func (Folder) FinishRotation(context.Context, string) error    { return ErrNone }
func (Folder) Retire(context.Context, func() ([]string, error)) ([]string, error) {
	return nil, ErrNone
}
