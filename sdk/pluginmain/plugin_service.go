package pluginmain

import (
	"context"
	"io"
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

func (s *server) GetInfo(context.Context, *pb.GetInfoRequest) (*pb.GetInfoResponse, error) {
	return s.info, nil
}

// Configure opens the provider. A second call replaces the first one's provider
// only when it succeeds.
func (s *server) Configure(ctx context.Context, req *pb.ConfigureRequest) (*pb.ConfigureResponse, error) {
	p, found := s.open(ctx, provider.Environment{Config: req.GetConfig(), Logger: s.tel.Logger, Tracer: s.tel.Tracer})
	found = presentable(found)
	if err := s.hold(ctx, "Configure", rules.Diagnostics(found)); err != nil {
		if c, ok := p.(io.Closer); ok {
			_ = c.Close()
		}
		return nil, err
	}
	problems := toDiagnostics(found)
	if p == nil {
		return &pb.ConfigureResponse{Diagnostics: problems}, nil
	}
	s.mu.Lock()
	old := s.provider
	s.provider = p
	s.mu.Unlock()
	if c, ok := old.(io.Closer); ok {
		_ = c.Close()
	}
	return &pb.ConfigureResponse{Diagnostics: problems}, nil
}

// Check asks the provider; one that cannot say is at least running.
func (s *server) Check(ctx context.Context, _ *pb.CheckRequest) (*pb.CheckResponse, error) {
	p, err := s.store()
	if err != nil {
		return nil, err
	}
	checker, ok := p.(provider.Checker)
	if !ok {
		return nil, fault.New(fault.Unsupported, fault.SourcePlugin, "the provider has no check of its own")
	}
	report, err := checker.Check(ctx)
	if err != nil {
		return nil, err
	}
	report.Results = slices.Clone(report.Results)
	report.Target, report.Identity = wire.Cut(report.Target, contract.MaxTextBytes), wire.Cut(report.Identity, contract.MaxTextBytes)
	for i, r := range report.Results {
		report.Results[i].Message = wire.Cut(r.Message, contract.MaxTextBytes)
	}
	if err := s.hold(ctx, "Check", rules.Check(report)); err != nil {
		return nil, err
	}
	out := &pb.CheckResponse{Target: report.Target, Identity: report.Identity}
	for _, r := range report.Results {
		out.Results = append(out.Results, &pb.CheckResult{
			Name: r.Name, Ok: r.OK, Skipped: r.Skipped, Message: r.Message, Latency: durationpb.New(r.Latency),
		})
	}
	return out, nil
}

// Drain refuses new calls from now on; those under way go on.
func (s *server) Drain(context.Context, *pb.DrainRequest) (*pb.DrainResponse, error) {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	return &pb.DrainResponse{}, nil
}
