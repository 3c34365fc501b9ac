//go:build linux || windows

package launch_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/diag"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// part is the variable that makes this test binary play a plugin.
const part = "IDENTITYMESH_TEST_PART"

// parts are the plugins that it can play, beside those of one system.
var parts = map[string]func(){
	"dies with a long report": func() {
		for n := range 300 {
			fmt.Fprintln(os.Stderr, "frame", n)
		}
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(3)
	},
	"is of the SDK": func() {
		pluginmain.Main(provider.Definition[provider.Provider]{Name: "part", Version: "1.0.0",
			Open: func(context.Context, provider.Environment) (provider.Provider, diag.List) { return nil, nil }})
	},
	"is a server of go-plugin": func() {
		goplugin.Serve(&goplugin.ServeConfig{
			HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: contract.CookieKey, MagicCookieValue: contract.CookieValue},
			VersionedPlugins: map[int]goplugin.PluginSet{contract.Major: {contract.ServiceSet: talkative{}}},
			GRPCServer:       goplugin.DefaultGRPCServer, Logger: hclog.NewNullLogger(),
		})
	},
	"floods stdout": func() {
		serve(func() {
			_, _ = io.WriteString(os.Stdout, strings.Repeat("x", 1<<20))
			fmt.Fprintln(os.Stderr, "wrote all of it")
		})
	},
	"shows another certificate": func() {
		l, config, line, err := handshake.Listen(contract.Major, os.Getenv)
		other, otherErr := handshake.NewPair()
		if err != nil || otherErr != nil {
			os.Exit(1)
		}
		line.Certificate = other.Text()
		fmt.Println(line)
		_ = grpc.NewServer(grpc.Creds(credentials.NewTLS(config))).Serve(l)
	},
	"has ordinary children": func() {
		for range 20 {
			run("sleeps")
		}
		serve(func() {})
	},
	"sleeps": func() { fmt.Fprintln(os.Stderr, os.Getpid()); time.Sleep(time.Hour) },
}

func TestMain(m *testing.M) {
	name := os.Getenv(part)
	if name == "" {
		os.Exit(m.Run())
	}
	go func() { time.Sleep(time.Minute); os.Exit(9) }() // whatever a test forgets
	maps.Copy(parts, systemParts)
	parts[name]()
}

// talkative is a plugin of go-plugin that prints, as the libraries in it may.
type talkative struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (talkative) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterPluginServer(s, greeter{})
	return nil
}

func (talkative) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

type greeter struct{ pb.UnimplementedPluginServer }

func (greeter) GetInfo(context.Context, *pb.GetInfoRequest) (*pb.GetInfoResponse, error) {
	fmt.Println("printed by a library")
	fmt.Fprintln(os.Stderr, "and to stderr too")
	return &pb.GetInfoResponse{Name: "greeter"}, nil
}

// serve shakes hands as a plugin does and serves after doing something else.
func serve(then func()) {
	l, config, line, err := handshake.Listen(contract.Major, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	pb.RegisterPluginServer(s, greeter{})
	fmt.Println(line)
	go then()
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	_ = s.Serve(l)
}

// run starts this binary in another part, with the environment and the stderr of
// this process.
func run(name string) {
	cmd := other(name)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// other is this binary in another part.
func other(name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), part+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// logbook keeps the lines of a log.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until the log has the text.
func (l *logbook) await(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(l.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log lacks %q:\n%s", text, l)
		}
	}
}

// trial is what a test starts plugins with.
type trial struct {
	folder *launch.Folder
	log    *logbook
}

func newTrial(t *testing.T) trial {
	t.Helper()
	folder, err := launch.OpenFolder(shortFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	return trial{folder, new(logbook)}
}

// config of a start.
func (tr trial) config(path, name string) (launch.Config, error) {
	if path == "" {
		path = os.Args[0]
	}
	hash, err := launch.Hash(path)
	return launch.Config{
		Name: "part", Path: path, SHA256: hash, Pin: "the test", Majors: []int{contract.Major},
		Environment: []string{part + "=" + name, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", contract.CookieKey + "=replaced"},
		Folder:      tr.folder, Logger: slog.New(slog.NewTextHandler(tr.log, nil)),
		Tracer: tracenoop.NewTracerProvider(), Now: time.Now,
	}, err
}

// start starts the file at path, or this binary when that is empty, in a part.
func (tr trial) start(t *testing.T, path, name string, limit time.Duration) (*launch.Process, error) {
	t.Helper()
	config, err := tr.config(path, name)
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, config, limit)
}

func startWith(t *testing.T, config launch.Config, limit time.Duration) (*launch.Process, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	type outcome struct {
		p   *launch.Process
		err error
	}
	result := make(chan outcome, 1)
	go func() {
		p, err := launch.Start(ctx, config)
		result <- outcome{p, err}
	}()
	select {
	case o := <-result:
		if o.p != nil {
			t.Cleanup(func() { o.p.Stop() })
		}
		skipWhatWineFailsAt(t, o.err)
		return o.p, o.err
	case <-time.After(limit + 20*time.Second):
		t.Fatal("the start hangs")
		return nil, nil
	}
}

// running starts this binary in a part that becomes a plugin.
func (tr trial) running(t *testing.T, name string) *launch.Process {
	t.Helper()
	p, err := tr.start(t, "", name, 20*time.Second)
	if err != nil {
		t.Fatalf("%v\n%s", err, tr.log)
	}
	return p
}

// info asks the plugin who it is.
func info(t *testing.T, p *launch.Process) (*pb.GetInfoResponse, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return pb.NewPluginClient(p.Conn()).GetInfo(ctx, &pb.GetInfoRequest{})
}

// shortFolder is a folder whose path leaves room for a socket's name.
func shortFolder(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "im-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	return path
}
