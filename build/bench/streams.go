package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	openStreams = 1000
	// streamsRest is how long the streams are open before the process is looked at:
	// longer than between two heartbeats.
	streamsRest = 20 * time.Second
)

// Streams measures by how much the Admin API's own process grows for streams of
// events that are open, each on a connection of its own.
func Streams(ctx context.Context, e Env) ([]Figure, error) {
	folder := filepath.Join(e.Dir, "streams")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "appsettings.json")
	body, _ := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": "data", "PluginFolder": e.Bin}, "AdminApi": map[string]any{"Listen": "127.0.0.1:0"},
		"Logging": map[string]any{"Level": "error"},
	})
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return nil, err
	}
	server := exec.CommandContext(ctx, filepath.Join(e.Bin, "identitymesh-adminapi"), "--config", file)
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	said, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	line, err := bufio.NewReader(said).ReadString('\n')
	_, address, found := strings.Cut(strings.TrimSpace(line), "listening on http://")
	if err != nil || !found {
		return nil, fmt.Errorf("the Admin API said %q: %w", line, err)
	}
	token, err := os.ReadFile(filepath.Join(folder, "data", "admin-token"))
	if err != nil {
		return nil, err
	}
	open := func(n int) (all []net.Conn, err error) {
		for range n {
			c, err := openStream(ctx, address, strings.TrimSpace(string(token)))
			if err != nil {
				return all, err
			}
			all = append(all, c)
		}
		return all, nil
	}
	// What is there once, as the look at the database, is not counted.
	few, err := open(10)
	defer closeAll(few)
	if err != nil {
		return nil, err
	}
	time.Sleep(streamsRest)
	before, err := memoryOf(server.Process.Pid, "VmRSS")
	if err != nil {
		return nil, err
	}
	many, err := open(openStreams)
	defer closeAll(many)
	if err != nil {
		return nil, err
	}
	time.Sleep(streamsRest)
	after, err := memoryOf(server.Process.Pid, "VmRSS")
	if err != nil {
		return nil, err
	}
	for _, c := range many {
		if err := alive(c); err != nil {
			return nil, fmt.Errorf("a stream did not stay open: %w", err)
		}
	}
	e.say("adminapi_streams: %.1f MB before, %.1f MB with %d streams", before, after, openStreams)
	return []Figure{{Name: "adminapi_streams_mb", Value: after - before, Goal: 100}}, nil
}

func closeAll(all []net.Conn) {
	for _, c := range all {
		_ = c.Close()
	}
}

// openStream asks for all runs and returns once the stream has begun.
func openStream(ctx context.Context, address, token string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(c, "GET /api/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n", address, token)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	head := make([]byte, 12)
	if _, err := c.Read(head); err != nil || string(head) != "HTTP/1.1 200" {
		return nil, errors.Join(fmt.Errorf("the stream began with %q", head), err, c.Close())
	}
	return c, nil
}

// alive reports whether a stream has not ended, by the heartbeats that came.
func alive(c net.Conn) error {
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	text := make([]byte, 16<<10)
	n, err := c.Read(text)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text[:n]), ": still here") {
		return fmt.Errorf("only %q came", text[:n])
	}
	return nil
}
