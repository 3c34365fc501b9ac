package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// services are services of Windows, with names of their own.
type services struct{ *installation }

func newServices(i *installation) services { return services{i} }

func (s services) do(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	arguments = append([]string{"service"}, append(arguments, "--name", fmt.Sprintf("%s-test-%d", name, os.Getpid()))...)
	out, err := exec.CommandContext(t.Context(), binary(name), arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s; its log is %s", name, strings.Join(arguments, " "), err, out, s.log(t, name))
	}
	return string(out)
}

func (s services) start(t *testing.T, name string) {
	t.Helper()
	s.do(t, name, "install", "--config", s.config)
	t.Cleanup(func() {
		_ = exec.Command(binary(name), "service", "remove", "--name", fmt.Sprintf("%s-test-%d", name, os.Getpid())).Run()
	})
	s.do(t, name, "start")
}

func (s services) stop(t *testing.T, name string) {
	t.Helper()
	s.do(t, name, "stop")
	if state := s.do(t, name, "status"); !strings.Contains(state, "ended in order") {
		t.Errorf("%s: %s", name, state)
	}
	s.do(t, name, "remove")
}

func (s services) log(_ *testing.T, name string) string {
	text, _ := os.ReadFile(filepath.Join(s.data, "logs", name+".log")) // the caller looks for what it has to say
	return string(text)
}
