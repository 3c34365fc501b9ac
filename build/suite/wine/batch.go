package wine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
)

// Batch runs the lines of a batch file in a fresh Wine and returns what they wrote.
// One batch is one session: services that it starts end with it. The error is a
// [*MissingError] where there is no Wine; what the last command returned is told as
// well. Lines name files of this system as [Path] does.
func Batch(ctx context.Context, lines string) (out string, err error) {
	t, err := find()
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "identitymesh-wine-")
	if err != nil {
		return "", fmt.Errorf("prepare Wine: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	prefix := filepath.Join(work, "prefix")
	env := t.environment(prefix)
	defer t.end(ctx, env)
	if err := t.makePrefix(ctx, prefix, env); err != nil {
		return "", fmt.Errorf("make a Wine prefix: %w", err)
	}
	batch := filepath.Join(work, "batch.bat")
	if err := os.WriteFile(batch, []byte(strings.ReplaceAll("@echo off\n"+lines, "\n", "\r\n")), 0o600); err != nil {
		return "", fmt.Errorf("prepare Wine: %w", err)
	}
	// A file, because Wine's daemons would keep a pipe open. All writing appends,
	// because programs under Wine that share a file do not share their place in it.
	said, err := os.OpenFile(filepath.Join(work, "said"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", fmt.Errorf("prepare Wine: %w", err)
	}
	defer said.Close()
	cmd := exec.CommandContext(ctx, t.loader, "cmd", "/c", Path(batch))
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = said, said
	failed := cmd.Run()
	text, err := os.ReadFile(said.Name())
	if failed != nil {
		failed = fmt.Errorf("the batch under Wine: %w", failed)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n"), errors.Join(failed, err)
}

// Path is how programs in Wine call a path of this system.
func Path(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

func (t tools) environment(prefix string) []string {
	return []string{
		"WINEPREFIX=" + prefix, "WINELOADER=" + t.loader, "WINESERVER=" + t.server,
		"WINEARCH=win64", "WINEDEBUG=-all", "DISPLAY=",
	}
}

// end ends all of Wine in a prefix, also when what ran there was broken off.
func (t tools) end(ctx context.Context, env []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_, _ = command.Run(ctx, command.Spec{Env: env, Args: []string{t.server, "-k"}}) // it may have left already
	_, _ = command.Run(ctx, command.Spec{Env: env, Args: []string{t.server, "-w"}})
}
