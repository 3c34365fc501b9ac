package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// doctorLimit bounds the examination.
const doctorLimit = 2 * time.Minute

// doctorError is a store that is in force and about which something does not work.
type doctorError struct{ found []string }

func (e *doctorError) Error() string {
	return "the store is in force, and secretscli doctor found something that does not work: " + strings.Join(e.found, "; ")
}

// doctor has secretscli beside this program examine what is in force, as operators do.
func (s *session) doctor(ctx context.Context, c *cli.Context) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program's own file: %w", err)
	}
	path := filepath.Join(filepath.Dir(executable), "secretscli")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if _, err := os.Stat(path); err != nil {
		s.note("secretscli is not beside this program, so nothing was examined: run secretscli doctor")
		return nil
	}
	args := []string{"--output", "json"}
	if file := c.String(flagConfig); file != "" {
		args = append(args, "--config", file)
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(args, "doctor")...)
	var out bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = s.Environ, &out, s.Stderr
	failed := cmd.Run()
	var report struct {
		OK     bool
		Checks []struct{ Name, Status, Message, Next string }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return fmt.Errorf("run secretscli doctor: %w", errors.Join(failed, err))
	}
	var found []string
	for _, check := range report.Checks {
		text := fmt.Sprintf("%s: %s; next: %s", check.Name, check.Message, check.Next)
		switch check.Status {
		case "fail":
			found = append(found, text)
		case "warn":
			s.note("doctor: warn: %s", text)
		}
	}
	if !report.OK {
		return &doctorError{found}
	}
	s.note("doctor: everything works")
	return nil
}
