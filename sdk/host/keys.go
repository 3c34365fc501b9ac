package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/internal/keycommand"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Keys administers the keys of a provider that is a [provider.KeyKeeper], UNSUPPORTED
// with any other. Each call runs the plugin's file once more, as a command, beside
// the processes that use the store. Config.DataFolder, Environ and Choice are used
// as elsewhere.
type Keys struct {
	Config Config
	// Silence is how long the command may say nothing before it is given up; it
	// must be positive.
	Silence time.Duration
}

// Status reports the keys.
func (k Keys) Status(ctx context.Context) (provider.KeyStatus, error) {
	return runKey[provider.KeyStatus](ctx, k, keycommand.Status, nil)
}

// Rotate makes a new key and seals everything with it. progress is called from
// another goroutine, until Rotate returns.
func (k Keys) Rotate(ctx context.Context, progress func(provider.KeyProgress)) (provider.KeyRotation, error) {
	return runKey[provider.KeyRotation](ctx, k, keycommand.Rotate, progress)
}

// Retire removes the keys that nothing needs.
func (k Keys) Retire(ctx context.Context) (provider.KeyRetirement, error) {
	return runKey[provider.KeyRetirement](ctx, k, keycommand.Retire, nil)
}

func runKey[T any](ctx context.Context, k Keys, verb string, progress func(provider.KeyProgress)) (T, error) {
	var result T
	answer, err := k.run(ctx, verb, progress)
	if err == nil {
		if json.Unmarshal(answer, &result) != nil {
			err = fault.New(fault.Internal, fault.SourcePlugin, "the plugin's command key ended without an answer that can be read")
		}
	}
	var f *fault.Error
	if errors.As(err, &f) && f.ConfigPath != "" {
		f.ConfigPath = diag.Join(k.Config.Choice.Plugin.ConfigPath, f.ConfigPath)
	}
	return result, err
}

// run returns the result as it was written.
func (k Keys) run(ctx context.Context, verb string, progress func(provider.KeyProgress)) (json.RawMessage, error) {
	c, plugin := k.Config, k.Config.Choice.Plugin
	if c.Choice.Problem != nil {
		return nil, fault.Wrap(fault.Unavailable, fault.SourceHost, "", c.Choice.Problem)
	}
	folder, err := launch.OpenFolder(runBases(c)...)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	heard := listen(ctx, k.Silence, progress)
	defer heard.close()
	err = launch.Run(heard.ctx, launch.Config{
		Name: c.Choice.Provider, Path: plugin.Path, SHA256: plugin.SHA256, Pin: plugin.Pin,
		Environment: slices.Concat(plugin.Environment, []string{pluginmain.EnvLogLevel + "=" + c.LogLevel.String()}),
		Folder:      folder, Logger: c.Logger.With(telemetry.KeyPlugin, c.Choice.Provider), Now: time.Now,
	}, launch.Command{
		Args: []string{keycommand.Name, verb}, Input: plugin.Config.Reveal(), Line: heard.line, MaxLine: keycommand.MaxLine,
	})
	return heard.end(ctx, err)
}

// listener takes in the events of a command.
type listener struct {
	ctx      context.Context // ends when nothing was heard for too long
	cancel   context.CancelFunc
	silence  time.Duration
	timer    *time.Timer
	progress func(provider.KeyProgress)

	mu     sync.Mutex // the last lines may come late
	result json.RawMessage
	err    error
	over   bool
}

func listen(ctx context.Context, silence time.Duration, progress func(provider.KeyProgress)) *listener {
	l := &listener{silence: silence, progress: progress}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.timer = time.AfterFunc(silence, l.cancel)
	return l
}

func (l *listener) line(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.timer.Reset(l.silence)
	event, err := keycommand.Parse(text)
	switch {
	case err != nil:
		l.err = fault.Wrap(fault.Internal, fault.SourcePlugin, "the plugin's command key", err)
	case event.Failure != nil:
		l.err = event.Err()
	case event.Progress != nil && l.progress != nil:
		l.progress(*event.Progress)
	case event.Result != nil:
		l.result = event.Result
	}
}

// end returns what the command came to. Its own words go before those about its
// process, unless they came when it was asked to stop.
func (l *listener) end(ctx context.Context, ended error) (json.RawMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case l.ctx.Err() != nil:
		return nil, fault.New(fault.Timeout, fault.SourcePlugin, fmt.Sprintf("the plugin's command key said nothing for %s and was ended", l.silence))
	case l.err != nil:
		return nil, l.err
	case ended != nil:
		return nil, fault.Wrap(fault.Unavailable, fault.SourcePlugin, "", ended)
	}
	return l.result, nil
}

func (l *listener) close() {
	l.timer.Stop()
	l.cancel()
}
