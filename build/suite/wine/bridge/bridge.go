// Package bridge lets a program inside Wine call the go command outside of it.
//
// Tests that build programs call "go"; inside Wine that is command go of this
// suite, which asks the server that command run holds open for as long as the
// test runs. What is built, and for which system, is decided by the environment of
// the server. Start reading at [Serve] and [Call].
package bridge

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Env is the variable that tells where the server is, as address and key with a
// blank between them.
const Env = "IDENTITYMESH_WINE_BRIDGE"

// Request is one call of the go command.
type Request struct {
	// Key proves that the caller belongs to the server; other users of the machine
	// reach its port too.
	Key string
	// Dir is the folder to run in. It and the arguments have the paths of Windows.
	Dir  string
	Args []string
}

// Response is what became of it.
type Response struct {
	Output []byte
	// Code to exit with.
	Code int
}

// Serve runs the go command for programs in the Wine prefix until ctx ends. It
// returns the value for the variable [Env].
func Serve(ctx context.Context, prefix string) (value string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for calls of the go command: %w", err)
	}
	key := rand.Text()
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			go answer(ctx, conn, key, prefix)
		}
	}()
	return l.Addr().String() + " " + key, nil
}

func answer(ctx context.Context, conn net.Conn, key, prefix string) {
	defer conn.Close()
	var req Request
	if json.NewDecoder(conn).Decode(&req) != nil || subtle.ConstantTimeCompare([]byte(req.Key), []byte(key)) != 1 {
		return
	}
	args := make([]string, len(req.Args))
	for i, a := range req.Args {
		args[i] = Path(prefix, a)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = Path(prefix, req.Dir)
	out, err := cmd.CombinedOutput()
	resp := Response{Output: out}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		resp.Code = exit.ExitCode()
	case err != nil:
		resp = Response{Output: []byte(err.Error() + "\n"), Code: 1}
	}
	_ = json.NewEncoder(conn).Encode(resp)
}

// Path returns what a path of Windows is called outside of the prefix; what is no
// absolute path stays as it is.
func Path(prefix, path string) string {
	if filepath.IsAbs(path) || len(path) < 3 || path[1] != ':' || path[2] != '\\' {
		return path
	}
	return filepath.Join(prefix, "dosdevices", strings.ToLower(path[:2]), strings.ReplaceAll(path[2:], `\`, "/"))
}

// Call asks the server of the environment to run the go command in the current
// folder.
func Call(args []string) (Response, error) {
	address, key, found := strings.Cut(os.Getenv(Env), " ")
	if !found {
		return Response{}, fmt.Errorf("this go command works only within a run of the tests under Wine; %s is not set", Env)
	}
	dir, err := os.Getwd()
	if err != nil {
		return Response{}, err
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return Response{}, fmt.Errorf("reach the go command outside of Wine: %w", err)
	}
	defer conn.Close()
	var resp Response
	if err = json.NewEncoder(conn).Encode(Request{Key: key, Dir: dir, Args: args}); err == nil {
		err = json.NewDecoder(conn).Decode(&resp)
	}
	if err != nil {
		return Response{}, fmt.Errorf("call the go command outside of Wine: %w", err)
	}
	return resp, nil
}
