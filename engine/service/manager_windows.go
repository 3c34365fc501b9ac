package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/datafolder"
)

const (
	// startLimit is how long a start may take: a database may have to be upgraded.
	startLimit = 5 * time.Minute
	// endLimit is more than the program's own limit.
	endLimit = 2 * StopLimit
	pollWait = 100 * time.Millisecond
	// calmTime without a failure makes the next one the first again.
	calmTime = 24 * time.Hour
)

// recovery is what the service manager does after the first, the second and every
// further failure.
func recovery() []mgr.RecoveryAction {
	var out []mgr.RecoveryAction
	for _, wait := range []time.Duration{5 * time.Second, 30 * time.Second, 5 * time.Minute} {
		out = append(out, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: wait})
	}
	return out
}

func (p Program) defaultName() string { return p.Name }

func installFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "account", Usage: "`ACCOUNT` to run as: DOMAIN\\name, a group managed service account DOMAIN\\name$, or LocalService (default: NT SERVICE\\ and the service's name)"},
		&cli.BoolFlag{Name: "password-stdin", Usage: "read the account's password from the first line of standard input"},
		&cli.StringSliceFlag{Name: "depends-on", Usage: "name of a `SERVICE` that must run first, as MSSQLSERVER"},
	}
}

func installOptions(c *cli.Context, i *installation) error {
	i.account, i.dependsOn = c.String("account"), c.StringSlice("depends-on")
	switch {
	case i.account == "":
		// It has a password that nobody knows, and no rights but its own.
		i.account = `NT SERVICE\` + i.name
	case strings.EqualFold(i.account, "LocalService"), strings.EqualFold(i.account, "NetworkService"):
		i.account = `NT AUTHORITY\` + i.account
	}
	if !c.Bool("password-stdin") {
		return nil
	}
	line, err := bufio.NewReader(os.Stdin).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the password: %w", err)
	}
	i.password = []byte(strings.TrimRight(string(line), "\r\n"))
	if len(i.password) == 0 {
		return &boot.UsageError{Err: errors.New("standard input has no password")}
	}
	return nil
}

// serviceEnviron is the environment that a service will have: the variables of the
// system, and not those of the administrator who installs it.
func serviceEnviron() []string {
	out := []string{"ProgramData=" + os.Getenv("ProgramData")}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Control\Session Manager\Environment`, registry.QUERY_VALUE)
	if err != nil {
		return out
	}
	defer key.Close()
	names, _ := key.ReadValueNames(0) // those that can be read
	for _, name := range names {
		if value, _, err := key.GetStringValue(name); err == nil {
			out = append(out, name+"="+value)
		}
	}
	return out
}

func servicePlatform() *appsettings.Platform { return nil }

// connect opens the service manager.
func connect() (*mgr.Mgr, error) {
	m, err := mgr.Connect()
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil, errors.New("the service manager refuses; run this as an administrator")
	}
	if err != nil {
		return nil, fmt.Errorf("reach the service manager: %w", err)
	}
	return m, nil
}

// install makes the service, its source in the event log and its right to the data
// folder. What it made is taken back when a part of it fails.
func (p Program) install(i installation, out io.Writer) (err error) {
	m, err := connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	args := []string{"service", "run", "--name", i.name}
	if i.config != "" {
		args = append(args, "--config", i.config)
	}
	s, err := m.CreateService(i.name, i.executable, mgr.Config{
		StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal,
		DisplayName: p.display(i.name), Description: p.Description, Dependencies: i.dependsOn,
		ServiceStartName: i.account, Password: string(i.password),
	}, args...)
	clear(i.password)
	if errors.Is(err, windows.ERROR_SERVICE_EXISTS) || errors.Is(err, windows.ERROR_DUPLICATE_SERVICE_NAME) {
		return fmt.Errorf("a service called %s (%s) is there already; remove it first, or install this one with --name", i.name, p.display(i.name))
	}
	if err != nil {
		return fmt.Errorf("create the service %s for the account %s: %w", i.name, i.account, err)
	}
	defer s.Close()
	defer func() {
		if err != nil {
			_ = eventlog.Remove(i.name)
			err = errors.Join(err, s.Delete())
		}
	}()
	if err := p.refine(s, out); err != nil {
		return err
	}
	if err := s.SetRecoveryActions(recovery(), uint32(calmTime.Seconds())); err != nil {
		return fmt.Errorf("set what happens when the service fails: %w", err)
	}
	_ = eventlog.Remove(i.name) // left by an earlier one that was not removed in order
	if err := eventlog.InstallAsEventCreate(i.name, eventlog.Info|eventlog.Warning|eventlog.Error); err != nil {
		return fmt.Errorf("make the source %s in the event log: %w", i.name, err)
	}
	folder := i.settings.Product.DataFolder
	if err := datafolder.Grant(folder, i.name); err != nil {
		return fmt.Errorf("give the service its right to the data folder: %w", err)
	}
	say(out, "installed the service %s; it runs as %s with data in %s, and starts with the system. To start it now: %s service start",
		i.name, i.account, folder, p.Unit)
	return nil
}

// refine sets what lets the service's own SID open the data folder whatever its
// account is, what lets the rest of the system start first, and what counts an end
// with an error as a failure.
func (p Program) refine(s *mgr.Service, out io.Writer) error {
	sidType := uint32(windows.SERVICE_SID_TYPE_UNRESTRICTED)
	delayed := windows.SERVICE_DELAYED_AUTO_START_INFO{IsDelayedAutoStartUp: 1}
	failures := windows.SERVICE_FAILURE_ACTIONS_FLAG{FailureActionsOnNonCrashFailures: 1}
	for _, x := range []struct {
		what  string
		level uint32
		value unsafe.Pointer
	}{
		{"a SID of its own", windows.SERVICE_CONFIG_SERVICE_SID_INFO, unsafe.Pointer(&sidType)},
		{"a delayed start", windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, unsafe.Pointer(&delayed)},
		{"a new start after an end with an error", windows.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, unsafe.Pointer(&failures)},
	} {
		err := windows.ChangeServiceConfig2(s.Handle, x.level, (*byte)(x.value))
		if errors.Is(err, windows.ERROR_INVALID_LEVEL) {
			say(out, "warning: this system knows no services with %s", x.what)
		} else if err != nil {
			return fmt.Errorf("give the service %s: %w", x.what, err)
		}
	}
	return nil
}

// display returns the display name, which must be unique as well.
func (p Program) display(name string) string {
	if name == p.Name {
		return p.DisplayName
	}
	return p.DisplayName + " (" + name + ")"
}

func (p Program) control(ctx context.Context, verb, name string, out io.Writer) error {
	m, err := connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return fmt.Errorf("the service %s is not installed", name)
	}
	if err != nil {
		return fmt.Errorf("open the service %s: %w", name, err)
	}
	defer s.Close()
	switch verb {
	case "start":
		return start(ctx, s, out)
	case "stop":
		return stop(ctx, s, out)
	case "restart":
		if err := stop(ctx, s, out); err != nil {
			return err
		}
		return start(ctx, s, out)
	case "remove":
		return remove(ctx, s, out)
	}
	return status(s, out)
}

func start(ctx context.Context, s *mgr.Service, out io.Writer) error {
	err := s.Start()
	// The system says so too of one that is only about to run.
	already := errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING)
	if err != nil && !already {
		return fmt.Errorf("start the service %s: %w", s.Name, err)
	}
	at, err := await(ctx, s, startLimit, func(at svc.State) bool { return at != svc.StartPending })
	if err != nil {
		return err
	}
	if at.State != svc.Running {
		return fmt.Errorf("the service %s ended again (%s); the event log (Application, source %s) and the log files say why", s.Name, exit(at), s.Name)
	}
	runs := "runs"
	if already {
		runs = "runs already"
	}
	say(out, "%s %s", s.Name, runs)
	return nil
}

func stop(ctx context.Context, s *mgr.Service, out io.Writer) error {
	if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return fmt.Errorf("stop the service %s: %w", s.Name, err)
	}
	if _, err := await(ctx, s, endLimit, func(at svc.State) bool { return at == svc.Stopped }); err != nil {
		return err
	}
	say(out, "%s is stopped", s.Name)
	return nil
}

func remove(ctx context.Context, s *mgr.Service, out io.Writer) error {
	if err := stop(ctx, s, out); err != nil {
		return err
	}
	if err := s.Delete(); err != nil {
		return fmt.Errorf("remove the service %s: %w", s.Name, err)
	}
	if err := eventlog.Remove(s.Name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the source %s from the event log: %w", s.Name, err)
	}
	say(out, "%s is removed; data and configuration stay", s.Name)
	return nil
}

func status(s *mgr.Service, out io.Writer) error {
	at, err := s.Query()
	if err != nil {
		return fmt.Errorf("ask for the state of %s: %w", s.Name, err)
	}
	account, command, err := configured(s)
	if err != nil {
		return fmt.Errorf("ask for the configuration of %s: %w", s.Name, err)
	}
	state := map[svc.State]string{
		svc.Stopped: "stopped", svc.StartPending: "starting", svc.Running: "running", svc.StopPending: "stopping",
	}[at.State]
	switch at.State {
	case svc.Running:
		state += fmt.Sprintf(", process %d", at.ProcessId)
	case svc.Stopped:
		state += ", " + exit(at)
	}
	say(out, "%s: %s\n  account: %s\n  command: %s", s.Name, state, account, command)
	return nil
}

// configured returns the account and the command line of the service.
func configured(s *mgr.Service) (account, command string, err error) {
	// 8 KiB is the most that Windows answers (QueryServiceConfig).
	var answer [1024]uint64
	c := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&answer))
	var needed uint32
	if err := windows.QueryServiceConfig(s.Handle, c, uint32(unsafe.Sizeof(answer)), &needed); err != nil {
		return "", "", err
	}
	return windows.UTF16PtrToString(c.ServiceStartName), windows.UTF16PtrToString(c.BinaryPathName), nil
}

// exit says how a service ended.
func exit(at svc.Status) string {
	switch windows.Errno(at.Win32ExitCode) {
	case windows.NO_ERROR:
		return "ended in order"
	case windows.ERROR_SERVICE_NEVER_STARTED:
		return "not started since the system was"
	case windows.ERROR_SERVICE_SPECIFIC_ERROR:
		return fmt.Sprintf("ended with exit code %d", at.ServiceSpecificExitCode)
	}
	return fmt.Sprintf("ended: %v", windows.Errno(at.Win32ExitCode))
}

// await waits until the service is in a state that will do.
func await(ctx context.Context, s *mgr.Service, limit time.Duration, will func(svc.State) bool) (svc.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		at, err := s.Query()
		if err != nil {
			return at, fmt.Errorf("ask for the state of %s: %w", s.Name, err)
		}
		if will(at.State) {
			return at, nil
		}
		select {
		case <-ctx.Done():
			return at, fmt.Errorf("wait for the service %s: %w", s.Name, ctx.Err())
		case <-time.After(pollWait):
		}
	}
}
