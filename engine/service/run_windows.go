package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"

	"github.com/identitymesh/identitymesh/sdk/boot"
)

// hint is what the service manager is told to expect of each step of a start or an
// end; it is told again more often.
const (
	hint      = 15 * time.Second
	hintAgain = 5 * time.Second
)

// run is the program under Windows' service manager. That it is one is told by the
// command line, because Windows can only guess it.
func (p Program) run(ctx context.Context, name, configFile string) error {
	// A service hears of every user who signs out as of a signal to end. Left alone,
	// Windows passes over it for services.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	log, err := eventlog.Open(name)
	if err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	defer log.Close()
	h := &handler{ctx: context.WithoutCancel(ctx), program: p, log: log, session: Session{ConfigFile: configFile, Files: true, Events: newEvents(log)}}
	err = svc.Run(name, h)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return &boot.UsageError{Err: errors.New("\"service run\" is for Windows' service manager; in the foreground the program runs without it")}
	}
	if err != nil {
		return fmt.Errorf("answer the service manager: %w", err)
	}
	return h.err
}

// handler answers the service manager.
type handler struct {
	ctx     context.Context
	program Program
	session Session
	log     eventLog
	err     error
}

// Execute runs the program until the service manager ends it or it fails.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (specific bool, code uint32) {
	// At a shutdown of the system, this asks for more time than services get otherwise.
	const accepts = svc.AcceptStop | svc.AcceptPreShutdown
	ctx, stop := context.WithCancel(h.ctx)
	defer stop()
	ready := make(chan struct{}, 1)
	h.session.Ready = func() { ready <- struct{}{} }
	ended := make(chan error, 1)
	go func() { ended <- h.program.within(ctx, StopLimit, h.session) }()

	now := svc.Status{State: svc.StartPending, WaitHint: milliseconds(hint)}
	changes <- now
	again := time.NewTicker(hintAgain)
	defer again.Stop()
	for {
		select {
		case <-ready:
			if now.State == svc.StartPending {
				now = svc.Status{State: svc.Running, Accepts: accepts}
				changes <- now
				_ = h.log.Info(EventStarted, "the service runs") // nobody is left to tell
			}
		case <-again.C:
			if now.State != svc.Running {
				now.CheckPoint++
				changes <- now
			}
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				changes <- now
			case svc.Stop, svc.PreShutdown:
				now = svc.Status{State: svc.StopPending, WaitHint: milliseconds(hint)}
				changes <- now
				stop()
			}
		case h.err = <-ended:
			if h.err == nil {
				_ = h.log.Info(EventStopped, "the service was stopped")
				return false, 0
			}
			var why bytes.Buffer
			boot.Explain(&why, h.err)
			_ = h.log.Error(EventFailed, eventText("the service ended with an error\r\n\r\n"+why.String()))
			return true, 1
		}
	}
}

func milliseconds(d time.Duration) uint32 { return uint32(d.Milliseconds()) }
