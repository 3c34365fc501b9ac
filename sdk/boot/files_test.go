package boot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/datafolder"
)

// broken is the standard error of a service.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the handle is invalid") }

func TestProgramThatStaysLogsToFilesAndEvents(t *testing.T) {
	for name, c := range map[string]struct {
		settings string // of Logging
		files    bool   // by default
		want     string // the log file below the folder of the configuration
	}{
		"a folder that is set":         {`"File":{"Folder":"log"}`, false, "log/test.log"},
		"a folder that wins":           {`"File":{"Folder":"log"}`, true, "log/test.log"},
		"a service without any":        {``, true, "data/logs/test.log"},
		"a program in the foreground":  {``, false, ""},
		"an empty one in its settings": {`"File":{"Folder":""}`, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			file := filepath.Join(folder, "appsettings.json")
			settings := `{"IdentityMesh":{"DataFolder":"data"},"Logging":{` + c.settings + `}}`
			if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
				t.Fatal(err)
			}
			var events bytes.Buffer
			p, err := boot.Start(t.Context(), boot.Config{
				Service: "test", ConfigFile: file, Logs: broken{}, Stays: true, Files: c.files,
				Events: slog.NewTextHandler(&events, &slog.HandlerOptions{Level: slog.LevelWarn}),
			})
			if err != nil {
				t.Fatal(err)
			}
			p.Logger.Info("an ordinary line")
			p.Logger.Warn("an important line")
			if err := p.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			if got := events.String(); !strings.Contains(got, "an important line") || strings.Contains(got, "ordinary") {
				t.Errorf("the events are %s", got)
			}
			found, err := filepath.Glob(filepath.Join(folder, "*", "*.log"))
			deeper, err2 := filepath.Glob(filepath.Join(folder, "*", "*", "*.log"))
			found = append(found, deeper...)
			if err != nil || err2 != nil || c.want == "" && len(found) > 0 || c.want != "" && (len(found) != 1 || found[0] != filepath.Join(folder, c.want)) {
				t.Fatalf("files %v, %v, %v", found, err, err2)
			}
			if c.want == "" {
				return
			}
			text, err := os.ReadFile(found[0])
			if err != nil || !strings.Contains(string(text), `"msg":"an ordinary line"`) || !strings.Contains(string(text), `"msg":"starting"`) {
				t.Errorf("%v: %s", err, text)
			}
		})
	}
}

func TestLogFilesThatCannotBeWrittenAreAProblemOfTheStart(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "appsettings.json")
	settings := `{"IdentityMesh":{"DataFolder":"data"},"Logging":{"File":{"Folder":"appsettings.json"}}}`
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := boot.Start(t.Context(), boot.Config{Service: "test", ConfigFile: file, Logs: &bytes.Buffer{}, Stays: true})
	if err == nil || !strings.Contains(err.Error(), "Logging:File:Folder") {
		t.Errorf("got %v", err)
	}
}

func TestDataFolderThatOthersCanOpenIsClosedOrKeepsTheProgramFromStarting(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("what its access list does is tested in package datafolder")
	}
	for _, shared := range []bool{false, true} {
		folder := t.TempDir()
		data := filepath.Join(folder, "data")
		file := filepath.Join(folder, "appsettings.json")
		err := errors.Join(os.Mkdir(data, 0o700), os.Chmod(data, 0o755),
			os.WriteFile(file, fmt.Appendf(nil, `{"IdentityMesh":{"DataFolder":%q}}`, data), 0o600))
		if shared {
			err = errors.Join(err, os.WriteFile(filepath.Join(data, "of-others.txt"), nil, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
		var logs bytes.Buffer
		_, err = boot.Start(t.Context(), boot.Config{Service: "test", ConfigFile: file, Logs: &logs, Stays: true})
		var open *datafolder.OpenError
		if errors.As(err, &open) != shared || !shared && (err != nil || !strings.Contains(logs.String(), "it was closed")) {
			t.Errorf("shared %v: %v, log %s", shared, err, &logs)
		}
	}
}
