//go:build linux || windows

package launch_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/identitymesh/identitymesh/sdk/contract"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// A binary of the SDK before it had a handshake of its own was this server of
// go-plugin, with its keys on P-521.
func TestServerOfGoPluginIsAPlugin(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	p := tr.running(t, "is a server of go-plugin")
	got, err := info(t, p)
	if err != nil || got.GetName() != "greeter" || p.Major() != contract.Major {
		t.Fatalf("major %d: %v, %v", p.Major(), got, err)
	}
	// Its process's stdout and stderr come over the connection.
	tr.log.await(t, "printed by a library")
	tr.log.await(t, "and to stderr too")
}

// The host before was this client of go-plugin with a process of its own.
func TestPluginOfTheSDKRunsUnderAClientOfGoPlugin(t *testing.T) {
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: contract.CookieKey, MagicCookieValue: contract.CookieValue},
		VersionedPlugins: map[int]goplugin.PluginSet{contract.Major: {contract.ServiceSet: talkative{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true, Logger: hclog.NewNullLogger(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: shortFolder(t)},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(spec.Env, part+"=is of the SDK", "GORACE=atexit_sleep_ms=0")
			if _, err := cmd.StdinPipe(); err != nil { // the lifeline
				return nil, err
			}
			out, err := cmd.StdoutPipe()
			return &child{cmd: cmd, out: out}, err
		},
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := pb.NewPluginClient(protocol.(*goplugin.GRPCClient).Conn).GetInfo(ctx, &pb.GetInfoRequest{})
	if err != nil || got.GetName() != "part" || client.NegotiatedVersion() != contract.Major {
		t.Fatalf("major %d: %v, %v", client.NegotiatedVersion(), got, err)
	}
}

// child is a process for go-plugin.
type child struct {
	cmd *exec.Cmd
	out io.ReadCloser
}

func (c *child) Start(context.Context) error     { return c.cmd.Start() }
func (c *child) Wait(context.Context) error      { return c.cmd.Wait() }
func (c *child) Kill(context.Context) error      { return c.cmd.Process.Kill() }
func (c *child) Stdout() io.ReadCloser           { return c.out }
func (c *child) Stderr() io.ReadCloser           { return io.NopCloser(strings.NewReader("")) }
func (c *child) Name() string                    { return "part" }
func (c *child) ID() string                      { return "part" }
func (c *child) Diagnose(context.Context) string { return "" }

func (c *child) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

func TestPluginWithAnotherCertificateThanItShowedIsNotTalkedTo(t *testing.T) {
	p := newTrial(t).running(t, "shows another certificate")
	begin := time.Now()
	_, err := info(t, p)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
