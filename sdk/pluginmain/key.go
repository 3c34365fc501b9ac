package pluginmain

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime/debug"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/internal/keycommand"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// runKey is the binary as the command "key", which works on the store's keys and
// ends: no handshake, no services. Its exit code is 0 with a result.
func (s *server) runKey(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := json.NewEncoder(stdout)
	result, err := s.key(ctx, cancel, args, stdin, func(p provider.KeyProgress) {
		// A host that is gone closes our standard input too.
		_ = events.Encode(keycommand.Event{Progress: &p})
	})
	var text []byte
	if err == nil {
		text, err = json.Marshal(result)
	}
	if err != nil {
		_ = events.Encode(keycommand.Failed(err))
		return 1
	}
	if events.Encode(keycommand.Event{Result: text}) != nil {
		return 1
	}
	return 0
}

func (s *server) key(ctx context.Context, cancel func(), args []string, stdin io.Reader, progress func(provider.KeyProgress)) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The panic's text could quote a value, the stack cannot.
			s.tel.Logger.ErrorContext(ctx, "command panicked", "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, fault.SourcePlugin, "the plugin panicked; its log has the stack")
		}
	}()
	var config json.RawMessage
	in := json.NewDecoder(io.LimitReader(stdin, contract.MaxMessageBytes))
	if err := in.Decode(&config); err != nil {
		return nil, fault.New(fault.ConfigInvalid, fault.SourceHost, "standard input does not begin with the plugin's configuration as JSON")
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	store, problems := s.open(ctx, provider.Environment{Config: config, Logger: s.tel.Logger, Tracer: s.tel.Tracer})
	clear(config)
	if store == nil {
		return nil, fault.Wrap(fault.ConfigInvalid, fault.SourceConfig, "", problems.Err())
	}
	defer func() {
		if c, ok := store.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
	}()
	keeper, ok := store.(provider.KeyKeeper)
	verb := ""
	if len(args) == 1 {
		verb = args[0]
	}
	s.tel.Logger.InfoContext(ctx, "key command", telemetry.KeyName, verb)
	switch {
	case !ok:
		return nil, fault.New(fault.Unsupported, fault.SourcePlugin, "the provider "+s.info.GetName()+" has no keys of its own that could be rotated")
	case verb == keycommand.Status:
		return keeper.KeyStatus(ctx)
	case verb == keycommand.Rotate:
		return keeper.RotateKey(ctx, progress)
	case verb == keycommand.Retire:
		return keeper.RetireKeys(ctx)
	}
	return nil, fault.New(fault.Unsupported, fault.SourceHost, "the command key takes one of: "+keycommand.Status+", "+keycommand.Rotate+", "+keycommand.Retire)
}
