// Package stack runs the whole product for the demo: the Admin API and the engine
// as processes, and the sources that the demo's connectors read.
//
// It starts, watches and stops; what the demo then does through the Admin API is
// its caller's concern. Start reading at [Start]; the engine follows with
// [Stack.StartEngine].
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/directory"
	"github.com/identitymesh/identitymesh/build/demo/hr"
	"github.com/identitymesh/identitymesh/build/demo/process"
)

const (
	// People is how many the HR database holds, and how many the directory.
	People = 1000
	// seed makes the demo the same everywhere; the directory's people are others.
	seed = 20250106
	// startTime is how long a program may take to be ready.
	startTime = 30 * time.Second
)

// Config says where and how to run.
type Config struct {
	// Bin is the folder of the programs.
	Bin string
	// Folder holds everything that the demo writes; it is created. What an earlier
	// demo left there is continued.
	Folder string
	// Listen is where the Admin API listens, and DirectoryListen the directory; a
	// directory's port 0 takes a free one.
	Listen, DirectoryListen string
	// PollInterval is how often the engine looks for work; 0 is its default.
	PollInterval time.Duration
	// DirectoryPassword is what the demo directory accepts.
	DirectoryPassword string
	// Secrets is the section Secrets of the programs' settings, nil for the default
	// provider, and Environment are variables that they get for it.
	Secrets     map[string]any
	Environment []string
	Now         func() time.Time
	Logger      *slog.Logger
}

// Stack is the running product with its sources.
type Stack struct {
	// HR and Directory are the sources.
	HR        *hr.Database
	Directory *directory.Directory
	// AdminAPI and Engine are the programs.
	AdminAPI, Engine *process.Process

	config  Config
	sockets string
}

// HRFile returns the path of the HR database.
func (s *Stack) HRFile() string { return filepath.Join(s.config.Folder, "hr.db") }

// TokenFile returns the path of the administrator's token.
func (s *Stack) TokenFile() string { return filepath.Join(s.dataFolder(), "admin-token") }

// LogFolder returns the folder of the programs' logs.
func (s *Stack) LogFolder() string { return filepath.Join(s.config.Folder, "log") }

// URL returns the address of the Admin API.
func (s *Stack) URL() string { return "http://" + s.config.Listen }

func (s *Stack) dataFolder() string { return filepath.Join(s.config.Folder, "data") }

// Start starts everything but the engine and returns when it is ready. When a part
// fails, the parts that were started are stopped again.
func Start(ctx context.Context, c Config) (*Stack, error) {
	folder, err := filepath.Abs(c.Folder)
	if err != nil {
		return nil, fmt.Errorf("start the demo: %w", err)
	}
	c.Folder = folder
	s := &Stack{config: c}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the demo: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	if err := os.MkdirAll(s.LogFolder(), 0o700); err != nil {
		return err
	}
	if err := s.writeSettings(); err != nil {
		return err
	}
	// Addresses come first: when another demo runs, it is left alone.
	if err := free(ctx, s.config.Listen); err != nil {
		return fmt.Errorf("the address of the Admin API is not free: %w; is a demo running already? Stop what listens there, or choose another address: bin/tools/demo up --listen ADDRESS", err)
	}
	var err error
	s.Directory, err = directory.Start(ctx, directory.Config{Address: s.config.DirectoryListen, Password: s.config.DirectoryPassword,
		Seed: seed + 1, People: People, Now: s.config.Now, Logger: s.config.Logger})
	if err != nil {
		return fmt.Errorf("%w; if the address is not free, stop what listens there, or choose another one: bin/tools/demo up --directory-listen ADDRESS", err)
	}
	s.HR, err = hr.Open(ctx, hr.Config{Path: s.HRFile(), Seed: seed, People: People, Now: s.config.Now})
	if err != nil {
		return err
	}
	s.AdminAPI, err = s.program(ctx, "identitymesh-adminapi", process.AnswersHTTP(s.URL()+"/"))
	return err
}

// StartEngine starts the engine and returns when it is ready. It is a step of its
// own because the engine at once does what is due, for which the sources'
// passwords must be right.
func (s *Stack) StartEngine(ctx context.Context) error {
	engine, err := s.program(ctx, "identitymesh-engine", process.Says("identitymesh-engine is running"))
	if err != nil {
		return fmt.Errorf("start the demo: %w", err)
	}
	s.Engine = engine
	return nil
}

// program starts a program and waits until it is ready. A program that is not is
// stopped at once, because its caller does not get to know it.
func (s *Stack) program(ctx context.Context, name string, ready func(context.Context, *process.Process) error) (*process.Process, error) {
	file := name
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	env := append(environment(os.Environ()), s.config.Environment...)
	sockets, err := s.socketFolder()
	if err != nil {
		return nil, err
	}
	if sockets != "" {
		env = append(env, sockets)
	}
	p, err := process.Start(process.Config{Name: name, Path: filepath.Join(s.config.Bin, file),
		Args: []string{"--config", s.settingsFile()}, Env: env, Dir: s.config.Folder, Log: filepath.Join(s.LogFolder(), name+".log")})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := p.WaitReady(ctx, ready); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// environment leaves out what would change the demo's settings: whoever has
// another secret store set up in the environment must not find the demo in it.
func environment(all []string) []string {
	return slices.DeleteFunc(all, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		for _, identity := range []string{"AZURE_", "IDENTITY_", "MSI_"} {
			if strings.HasPrefix(name, identity) {
				return true
			}
		}
		return strings.Contains(name, "__")
	})
}

func (s *Stack) settingsFile() string { return filepath.Join(s.config.Folder, "appsettings.json") }

// writeSettings writes the configuration that both programs read.
func (s *Stack) writeSettings() error {
	engine := map[string]any{}
	if s.config.PollInterval != 0 {
		engine["PollInterval"] = s.config.PollInterval.String()
	}
	settings := map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": s.dataFolder()},
		"AdminApi":     map[string]any{"Listen": s.config.Listen},
		"Engine":       engine,
	}
	if s.config.Secrets != nil {
		settings["Secrets"] = s.config.Secrets
	}
	data, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.settingsFile(), append(data, '\n'), 0o600)
}

// free fails when somebody listens on the address already: without the check, the
// demo would talk to that one. It leaves the address free.
func free(ctx context.Context, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}

// Wait returns nil when ctx ends, or earlier with the reason when a program ends
// by itself.
func (s *Stack) Wait(ctx context.Context) error {
	var engine <-chan struct{}
	if s.Engine != nil {
		engine = s.Engine.Exited()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.AdminAPI.Exited():
		return s.AdminAPI.Err()
	case <-engine:
		return s.Engine.Err()
	}
}

// Stop stops everything, the last started first, and reports what did not stop
// by itself.
func (s *Stack) Stop() error {
	var problems []error
	for _, p := range []*process.Process{s.Engine, s.AdminAPI} {
		if p != nil {
			problems = append(problems, p.Stop())
		}
	}
	if s.Directory != nil {
		problems = append(problems, s.Directory.Close())
	}
	if s.HR != nil {
		problems = append(problems, s.HR.Close())
	}
	return errors.Join(append(problems, s.removeSockets())...)
}
