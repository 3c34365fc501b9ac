package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// overallCases judge what was seen during the whole run.
func overallCases() []Case {
	return []Case{
		{Name: caseDeath, Page: "errors.md", Level: Core, About: "no process ended that nobody ended", run: livedOn, phase: afterwards},
		{Name: "log-holds-no-value", Page: "process.md", Level: Core, About: "no log line shows a value, at the level DEBUG", run: logsDiscreetly, phase: afterwards},
		{Name: caseWhere, Page: "security.md", Level: Core, About: "no value in headers, arguments, variables and temporary files", run: staysInPlace, phase: afterwards},
		{Name: "log-lines-are-json-objects", Page: "process.md", Level: None, About: "each with a text msg and a text level", run: logsObjects, phase: afterwards},
		{Name: "stdout-holds-nothing-else", Page: "process.md", Level: Core, About: "nothing after the handshake line", run: writesOneLine, phase: afterwards},
		{Name: caseLeft, Page: "process.md", Level: Core, About: "no process that it started has left its process group", run: leavesNobody, phase: afterwards},
	}
}

func livedOn(_ context.Context, t *trial) error {
	for _, text := range t.deaths {
		t.failf("a process that nobody ended is gone: %s", text)
	}
	return nil
}

func logsDiscreetly(_ context.Context, t *trial) error {
	for _, p := range t.plugins {
		for line := range bytes.Lines(p.stderr.bytes()) {
			if form := t.leaks.find(line); form != "" {
				t.failf("a log line holds %s: %s", form, start(line))
			}
		}
	}
	return nil
}

// start quotes the beginning of a line up to where something secret could be.
func start(line []byte) string {
	var fields struct{ Msg string }
	if json.Unmarshal(line, &fields) == nil && len(fields.Msg) > 0 && len(fields.Msg) < 80 {
		return fmt.Sprintf("the one with the text %q", fields.Msg)
	}
	return "an unstructured one"
}

func logsObjects(_ context.Context, t *trial) error {
	for _, p := range t.plugins {
		wrong, all := 0, 0
		for line := range bytes.Lines(p.stderr.bytes()) {
			all++
			var fields map[string]any
			_ = json.Unmarshal(line, &fields)
			_, msg := fields["msg"].(string)
			_, level := fields["level"].(string)
			if len(bytes.TrimSpace(line)) > 0 && !(msg && level) {
				wrong++
			}
		}
		if wrong > 0 {
			t.failf("%d of the %d log lines of a process are no JSON objects with a text msg and a text level", wrong, all)
		}
	}
	return nil
}

func writesOneLine(_ context.Context, t *trial) error {
	for _, p := range t.plugins {
		_, rest, _ := bytes.Cut(p.stdout.bytes(), []byte("\n"))
		if len(rest) > 0 {
			t.failf("a process wrote %d bytes to stdout after its handshake line", len(rest))
		}
	}
	return nil
}

// maxTempFile is how much of a temporary file is looked through.
const maxTempFile = 16 << 20

func staysInPlace(_ context.Context, t *trial) error {
	err := filepath.WalkDir(t.tempFolder(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if form := t.leaks.find([]byte(entry.Name())); form != "" {
			t.failf("the name of a temporary file holds %s", form)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if form := t.leaks.find(text[:min(len(text), maxTempFile)]); form != "" {
			t.failf("a temporary file (%s) that the plugin left holds %s", filepath.Base(path), form)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// leavesNobody is about what was seen before each process was ended.
func leavesNobody(_ context.Context, t *trial) error {
	if t.escapes > 0 {
		t.failf("%d processes that the plugin started had left its process group, where its host could miss them", t.escapes)
	}
	return t.escapesErr
}
