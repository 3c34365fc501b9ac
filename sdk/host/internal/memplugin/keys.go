package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// KeyStatus shows what the command was started with.
func (s *store) KeyStatus(context.Context) (provider.KeyStatus, error) {
	return provider.KeyStatus{Newest: "k1", Keys: []provider.KeyUse{{ID: "k1", Secrets: 2}}, Place: fmt.Sprint(len(os.Environ())), Protection: s.config.Keys}, nil
}

// RotateKey does what the configuration's Keys says.
func (s *store) RotateKey(ctx context.Context, progress func(provider.KeyProgress)) (provider.KeyRotation, error) {
	switch s.config.Keys {
	case "fails":
		f := fault.New(fault.AccessDenied, fault.SourceConfig, "the key file is another's")
		f.ConfigPath = "DataFolder"
		return provider.KeyRotation{}, f
	case "panics":
		panic("canary-4f1c-value")
	case "dies":
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(7)
	case "hangs":
		<-ctx.Done()
		return provider.KeyRotation{}, ctx.Err()
	case "ignores its end":
		progress(provider.KeyProgress{Total: os.Getpid()}) // so that its end can be seen
		time.Sleep(time.Hour)
	case "talks":
		fmt.Println("hello")
	}
	for n := range 4 {
		progress(provider.KeyProgress{Done: n, Total: 3})
		time.Sleep(time.Duration(s.config.SlowMillis) * time.Millisecond)
	}
	return provider.KeyRotation{Key: "k2", Resealed: 3, Failed: 1, Failures: []provider.KeyFailure{{Ref: "secret://a", Problem: "CORRUPT: x"}}}, nil
}

// RetireKeys retires one.
func (s *store) RetireKeys(context.Context) (provider.KeyRetirement, error) {
	return provider.KeyRetirement{Retired: []string{"k1"}}, nil
}
