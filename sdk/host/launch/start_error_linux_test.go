package launch_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// script is a plugin that writes a line and stays.
func script(line string) []byte {
	return []byte("#!/bin/sh\nprintf '%s\\n' \"" + line + "\"\nexec sleep 60\n")
}

// foreign is this test's own binary, made for another processor.
func foreign(t *testing.T) []byte {
	t.Helper()
	body, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	const machine, s390 = 18, 22 // see elf(5)
	body[machine], body[machine+1] = s390, 0
	return body
}

func TestStartErrorSaysWhatIsWrongAndWhetherItWillPass(t *testing.T) {
	certificate := base64.RawStdEncoding.EncodeToString([]byte("no certificate"))
	const socket = "unix|$PLUGIN_UNIX_SOCKET_DIR/s|grpc|"
	tests := map[string]struct {
		body      []byte
		mode      os.FileMode
		permanent bool
		says      []string
	}{
		"a file that nobody may execute":        {script("1"), 0o600, true, []string{"may not execute", "noexec"}},
		"a program for another processor":       {foreign(t), 0o700, true, []string{"a program for Linux on s390", runtime.GOARCH, "install the build"}},
		"a program for Windows":                 {[]byte("MZ" + strings.Repeat("\x00", 58) + "\x40\x00\x00\x00PE\x00\x00\x64\x86" + strings.Repeat("\x00", 300)), 0o700, true, []string{"a program for Windows on x86_64"}},
		"a text":                                {[]byte("just a text"), 0o700, true, []string{"it is no program"}},
		"a script without its interpreter":      {[]byte("#!/nowhere/python3\n"), 0o700, true, []string{"interpreter or loader", "does not exist"}},
		"a program that is no plugin":           {script("Welcome"), 0o700, true, []string{"it is no plugin", `"Welcome\n"`}},
		"a program that writes an endless line": {[]byte("#!/bin/sh\nexec tr '\\0' x < /dev/zero\n"), 0o700, true, []string{"it is no plugin", "xxx", "…"}},
		"a program that ends at once":           {[]byte("#!/bin/sh\necho because >&2; exit 4\n"), 0o700, false, []string{"ended before it wrote a handshake line", "exit status 4", "because"}},
		"one that is silent":                    {[]byte("#!/bin/sh\nexec sleep 60\n"), 0o700, false, []string{"in time"}},
		"another core protocol":                 {script("2|1|" + socket), 0o700, true, []string{"version 2 of go-plugin's core protocol"}},
		"another major":                         {script("1|9|" + socket), 0o700, true, []string{"major 9", "this host 1", "install a version"}},
		"a major that is no number":             {script("1|x|" + socket), 0o700, true, []string{"it is no plugin"}},
		"another protocol":                      {script("1|1|unix|$PLUGIN_UNIX_SOCKET_DIR/s|netrpc|"), 0o700, true, []string{`"netrpc" instead of gRPC`}},
		"no certificate":                        {script("1|1|" + socket), 0o700, true, []string{"no certificate"}},
		"a port":                                {script("1|1|tcp|127.0.0.1:80|grpc|" + certificate), 0o700, true, []string{`"tcp" "127.0.0.1:80"`, "unix socket", "socket-is-in-the-folder-of-the-host"}},
		"a socket elsewhere":                    {script("1|1|unix|/run/docker.sock|grpc|" + certificate), 0o700, true, []string{"/run/docker.sock", "unix socket in the folder"}},
		"a socket of another plugin":            {script("1|1|unix|$PLUGIN_UNIX_SOCKET_DIR/../s|grpc|" + certificate), 0o700, true, []string{"unix socket in the folder"}},
		"a socket without a file":               {script("1|1|unix|@s|grpc|" + certificate), 0o700, true, []string{"unix socket in the folder"}},
		"a relative path":                       {script("1|1|unix|s|grpc|" + certificate), 0o700, true, []string{"unix socket in the folder"}},
		"a link to a socket elsewhere":          {[]byte("#!/bin/sh\nln -s /run/docker.sock $PLUGIN_UNIX_SOCKET_DIR/s\necho \"1|1|" + socket + certificate + "\"\nexec sleep 60\n"), 0o700, true, []string{"that is no socket"}},
		"a line longer than any handshake":      {[]byte("#!/bin/sh\nhead -c 70000 /dev/zero | tr '\\0' x; echo; exec sleep 60\n"), 0o700, true, []string{"it is no plugin"}},
		"a line that ends too early":            {[]byte("#!/bin/sh\nprintf '1|1|uni'\n"), 0o700, false, []string{"ended within its handshake line", `"1|1|uni"`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "plugin")
			if err := os.WriteFile(path, tc.body, tc.mode); err != nil {
				t.Fatal(err)
			}
			// Only now: a start beside it would inherit the file while it is open for
			// writing, and the system runs no such file.
			t.Parallel()
			limit := 10 * time.Second
			if name == "one that is silent" {
				limit = time.Second
			}
			tr := newTrial(t)
			_, err := tr.start(t, path, "", limit)
			checkStartError(t, err, path, tc.permanent, tc.says)
			if left, _ := os.ReadDir(tr.folder.Path()); len(left) != 1 {
				t.Errorf("the run folder holds %v", left)
			}
		})
	}
}

func checkStartError(t *testing.T, err error, path string, permanent bool, says []string) {
	t.Helper()
	var failed *launch.StartError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v", err)
	}
	if failed.Permanent != permanent {
		t.Errorf("permanent is %v", failed.Permanent)
	}
	for _, text := range append(says, path) {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is missing in: %v", text, err)
		}
	}
	if strings.Contains(err.Error(), "/proc/self/fd") || len(err.Error()) > 1000 {
		t.Errorf("that is not for operators: %v", err)
	}
}

func TestFileThatIsMissingIsPermanent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin")
	_, err := launch.Start(t.Context(), launch.Config{Path: path, Folder: newTrial(t).folder})
	checkStartError(t, err, path, true, []string{"does not exist", "install it"})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cause is lost: %v", err)
	}
}

// hidden is the variable with the path of a file that a part may not read.
const hidden = "IDENTITYMESH_TEST_HIDDEN"

// openHidden says what becomes of starting a file that may not be read.
func openHidden() {
	var failed *launch.StartError
	_, err := launch.Start(context.Background(), launch.Config{Path: os.Getenv(hidden), Folder: new(launch.Folder)})
	fmt.Println(errors.As(err, &failed) && failed.Permanent, errors.Is(err, syscall.EACCES), err)
}

func TestFileThatMayNotBeReadIsPermanent(t *testing.T) {
	folder := shortFolder(t)
	path := filepath.Join(folder, "plugin")
	if err := errors.Join(os.WriteFile(path, nil, 0o300), os.Chmod(folder, 0o711)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), part+"=opens a file that it may not read", hidden+"="+path)
	if os.Geteuid() == 0 { // who may read everything
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if want := "true true start plugin " + path + ": this process may not read the file"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%v: %s", err, out)
	}
}
