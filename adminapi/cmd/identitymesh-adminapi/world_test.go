package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/programtest"
)

const (
	program = "identitymesh-adminapi"
	plugin  = "identitymesh-plugin-dpapi"
	engine  = "identitymesh-engine"
)

// built has the programs.
var built *programtest.Folder

func TestMain(m *testing.M) {
	built = programtest.Build("1.2.3", programtest.Program{Dir: "../..", Package: "./cmd/" + program},
		programtest.Program{Dir: "../../../plugins/dpapi", Package: "./cmd/" + plugin, Plugin: "dpapi"},
		programtest.Program{Dir: "../../../engine", Package: "./cmd/" + engine})
	os.Exit(built.Run(m))
}

func binary(name string) string { return programtest.File(built.Path, name) }

// installation is a data folder and the file that configures it.
type installation struct {
	t            *testing.T
	data, config string
	address      string // when it was chosen, by listenAt
}

func install(t *testing.T) *installation {
	t.Helper()
	built.Need(t)
	folder := programtest.TempDir(t)
	i := &installation{t: t, data: filepath.Join(folder, "data"), config: filepath.Join(folder, "appsettings.json")}
	settings, err := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": i.data},
		"AdminApi":     map[string]any{"Listen": "127.0.0.1:0"},
	})
	if err == nil {
		err = os.WriteFile(i.config, settings, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// run runs the program to its end; one that goes on serving is ended, and then
// the test too.
func (i *installation) run(arguments ...string) (stdout, stderr string, code int) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), 2*patience)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, binary(program), arguments...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	_ = cmd.Run() // the code says it
	if ctx.Err() != nil {
		i.t.Fatalf("%s %q did not end by itself: %s %s", program, arguments, &out, &problems)
	}
	return out.String(), problems.String(), cmd.ProcessState.ExitCode()
}

// server is a running Admin API.
type server struct {
	*installation
	cmd      *exec.Cmd
	url      string
	said     string // the line after the first
	log, out *bytes.Buffer
	replies  bytes.Buffer
}

const patience = 30 * time.Second

// serve starts the Admin API and waits until it listens.
func (i *installation) serve() *server {
	i.t.Helper()
	s := &server{installation: i, log: &bytes.Buffer{}, out: &bytes.Buffer{}}
	s.cmd = exec.Command(binary(program), "--config", i.config)
	s.cmd.Stderr = s.log
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	guard := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer guard.Stop()
	lines := bufio.NewScanner(io.TeeReader(stdout, s.out))
	lines.Scan()
	url, ok := strings.CutPrefix(lines.Text(), "identitymesh-adminapi listening on ")
	if !ok {
		_ = s.cmd.Wait()
		i.t.Fatalf("the program said %q and logged %s", lines.Text(), s.log)
	}
	lines.Scan()
	s.url, s.said = url, lines.Text()
	return s
}

// stop asks the program to leave and fails when it does not do so in time.
func (s *server) stop() {
	s.t.Helper()
	if runtime.GOOS == "windows" {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		return
	}
	begin := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the program left with %v: %s", err, s.log)
	}
	if took := time.Since(begin); took > 10*time.Second {
		s.t.Errorf("leaving took %s", took)
	}
}

func (i *installation) token() string {
	i.t.Helper()
	text, err := os.ReadFile(filepath.Join(i.data, "admin-token"))
	if err != nil {
		i.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// ask makes a request with the token and returns status and body.
func (s *server) ask(token, method, path, body string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprintln(&s.replies, response.Header, string(content))
	return response.StatusCode, string(content)
}
