// Command majorplugin is a plugin that speaks the majors of the contract that its
// file's name ends in: majorplugin-0, majorplugin-1, majorplugin-01. It exists for
// the tests of hosts that serve two majors. Its one secret tells which was spoken.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/internal/contractv0"
	pb "github.com/identitymesh/identitymesh/sdk/host/internal/contractv0/gen/identitymesh/secretprovider/v0test"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	refMajor = "secret://test/major" // the value is the major
	refOther = "secret://test/other" // the answer is about another ref

	version = "0.9.0"
)

func main() {
	if major() == contract.Major {
		pluginmain.Main(provider.Definition[first]{Name: "majorplugin", Version: version,
			Open: func(context.Context, provider.Environment) (first, diag.List) { return first{}, nil }})
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// major is the highest that both sides speak, else the plugin's lowest, so that
// the host can name it.
func major() int {
	_, speaks, _ := strings.Cut(strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"), "-")
	lowest := int(speaks[0] - '0')
	offered := strings.Split(os.Getenv(handshake.EnvMajors), ",")
	for i := len(speaks) - 1; i >= 0; i-- {
		for _, o := range offered {
			if o == speaks[i:i+1] {
				return int(speaks[i] - '0')
			}
		}
	}
	return lowest
}

// serve is what the SDK of the older major was.
func serve() error {
	listener, config, line, err := handshake.Listen(contractv0.Number, os.Getenv)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	pb.RegisterSecretProviderServer(server, zeroth{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	fmt.Println(line)
	return server.Serve(listener)
}

// zeroth speaks major 0.
type zeroth struct {
	pb.UnimplementedSecretProviderServer
}

func (zeroth) GetInfo(context.Context, *pb.GetInfoRequest) (*pb.GetInfoResponse, error) {
	return &pb.GetInfoResponse{Name: "majorplugin", Version: version}, nil
}

func (zeroth) Configure(_ context.Context, req *pb.ConfigureRequest) (*pb.ConfigureResponse, error) {
	if string(req.GetConfig()) != "{}" {
		return &pb.ConfigureResponse{Problems: []string{"this provider takes no configuration"}}, nil
	}
	return &pb.ConfigureResponse{}, nil
}

func (zeroth) Describe(_ context.Context, req *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{Ref: answerTo(req.GetRef()), Version: "1"}, nil
}

func (zeroth) Get(_ context.Context, req *pb.GetRequest) (*pb.GetResponse, error) {
	return &pb.GetResponse{Ref: answerTo(req.GetRef()), Version: "1", Value: []byte(strconv.Itoa(contractv0.Number))}, nil
}

func answerTo(ref string) string {
	if ref == refOther {
		return refMajor
	}
	return ref
}

// first speaks major 1.
type first struct{}

func (first) Describe(_ context.Context, ref secret.Ref) (secret.Metadata, error) {
	if ref != refMajor {
		return secret.Metadata{}, fault.New(fault.NotFound, fault.SourceBackend, "there is only "+refMajor)
	}
	return secret.Metadata{Ref: ref, Name: naming.Name(string(ref)), Version: "1"}, nil
}

func (f first) Get(ctx context.Context, ref secret.Ref, _ secret.Version) (secret.Secret, error) {
	m, err := f.Describe(ctx, ref)
	return secret.Secret{Metadata: m, Value: secret.NewValue([]byte(strconv.Itoa(contract.Major)))}, err
}
