package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/identitymesh/identitymesh/sdk/provider"
)

var _ provider.Checker = (*Store)(nil)

// Check tries the folder. It reads no secret, and what it writes is an empty file
// that it removes at once.
func (s *Store) Check(ctx context.Context) (provider.CheckReport, error) {
	report := provider.CheckReport{Target: s.folder, Identity: osUser()}
	for _, try := range []struct {
		name string
		do   func() (string, error)
	}{{"read", s.tryRead}, {"write", s.tryWrite}, {"list", s.tryList}} {
		start := time.Now()
		message, err := try.do()
		if err != nil {
			message = diskFault(ctx, try.name, err).Error()
		}
		report.Results = append(report.Results, provider.CheckResult{
			Name: try.name, OK: err == nil, Message: message, Latency: time.Since(start),
		})
	}
	return report, nil
}

func (s *Store) tryRead() (string, error) {
	info, err := os.Stat(s.folder)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", errors.New("it is no folder")
	}
	return "the folder is there; " + whoEnters(info), nil
}

func (s *Store) tryWrite() (string, error) {
	f, err := os.CreateTemp(s.folder, tempPrefix)
	if err != nil {
		return "", err
	}
	return "a file can be made and removed", errors.Join(f.Close(), os.Remove(f.Name()))
}

func (s *Store) tryList() (string, error) {
	names, err := s.names()
	return fmt.Sprintf("%d secrets, deleted ones included", len(names)), err
}

// osUser is who the operating system says we are: it decides over the files.
func osUser() string {
	u, err := user.Current()
	if err != nil {
		return fmt.Sprintf("user %d", os.Geteuid())
	}
	return u.Username
}
