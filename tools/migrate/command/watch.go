package command

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/identitymesh/identitymesh/sdk/commandline"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// publishEvery is how often watchers are told while a command works.
const publishEvery = 3 * time.Second

// watched does something while those who watch the migration in the product database
// are told how far it is. That they cannot be told stops nothing.
func (s *session) watched(ctx context.Context, do func() error) error {
	s.tell(ctx, nil)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(publishEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.tell(ctx, nil)
			case <-stop:
				return
			}
		}
	}()
	err := do()
	close(stop)
	<-stopped
	s.tell(ctx, err)
	return err
}

// tell shows watchers how far the migration is; problem is why a step did not succeed.
func (s *session) tell(ctx context.Context, problem error) {
	if err := s.publish(ctx, problem); err != nil {
		s.program.Logger.Warn("the migration's progress could not be shown in the product database", telemetry.KeyError, err)
	}
}

// progress tells people, and no program, how far it is.
func (t *tool) progress() *commandline.Progress {
	if t.json {
		return nil
	}
	return commandline.NewProgress(commandline.ProgressConfig{Out: t.Stderr, Terminal: isTerminal(t.Stderr), Unit: "secrets", Now: t.Now})
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
