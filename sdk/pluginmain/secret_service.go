package pluginmain

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func (s *server) Describe(ctx context.Context, req *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	p, ref, err := s.target(req.GetRef())
	if err != nil {
		return nil, err
	}
	m, err := p.Describe(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := s.hold(ctx, "Describe", rules.Describe(&m, ref)); err != nil {
		return nil, err
	}
	return &pb.DescribeResponse{Metadata: toMetadata(m)}, nil
}

func (s *server) Get(ctx context.Context, req *pb.GetRequest) (*pb.GetResponse, error) {
	p, ref, err := s.target(req.GetRef())
	if err != nil {
		return nil, err
	}
	version := secret.Version(req.GetVersion())
	got, err := p.Get(ctx, ref, version)
	if err != nil {
		return nil, err
	}
	value := got.Value.Reveal()
	if len(value) > contract.MaxValueBytes {
		got.Value.Wipe()
		return nil, fault.New(fault.TooLarge, fault.SourceBackend,
			fmt.Sprintf("the value has more bytes than the contract's limit of %d", contract.MaxValueBytes))
	}
	// The bytes are on their way out when this returns; gRPC still needs them, so
	// they cannot be wiped here.
	if value == nil {
		value = []byte{}
	}
	if err := s.hold(ctx, "Get", rules.Get(&got.Metadata, value, ref, version)); err != nil {
		got.Value.Wipe()
		return nil, err
	}
	return &pb.GetResponse{Metadata: toMetadata(got.Metadata), Value: value}, nil
}

func (s *server) List(ctx context.Context, req *pb.ListRequest) (*pb.ListResponse, error) {
	p, err := s.store()
	if err != nil {
		return nil, err
	}
	lister, ok := p.(provider.Lister)
	if !ok {
		return nil, unsupported("list")
	}
	asked := listRequest(req.GetPageSize(), req.GetPageToken())
	page, err := lister.List(ctx, asked)
	if err != nil {
		return nil, err
	}
	page.Items = once(page.Items)
	if err := s.hold(ctx, "List", rules.List(page, asked, s.listsAll)); err != nil {
		return nil, err
	}
	return &pb.ListResponse{Items: toItems(page), NextPageToken: page.Next, Complete: page.Complete}, nil
}

func (s *server) ListVersions(ctx context.Context, req *pb.ListVersionsRequest) (*pb.ListVersionsResponse, error) {
	p, ref, err := s.target(req.GetRef())
	if err != nil {
		return nil, err
	}
	versioner, ok := p.(provider.Versioner)
	if !ok {
		return nil, unsupported("list versions")
	}
	asked := listRequest(req.GetPageSize(), req.GetPageToken())
	page, err := versioner.ListVersions(ctx, ref, asked)
	if err != nil {
		return nil, err
	}
	if err := s.hold(ctx, "ListVersions", rules.ListVersions(page, asked, ref)); err != nil {
		return nil, err
	}
	return &pb.ListVersionsResponse{Items: toItems(page), NextPageToken: page.Next, Complete: page.Complete}, nil
}

func (s *server) Set(ctx context.Context, req *pb.SetRequest) (*pb.SetResponse, error) {
	p, ref, err := s.target(req.GetRef())
	if err != nil {
		return nil, err
	}
	writer, ok := p.(provider.Writer)
	if !ok {
		return nil, unsupported("set")
	}
	value := secret.NewValue(req.GetValue())
	defer value.Wipe()
	if n := len(req.GetValue()); n > s.limits.MaxValueBytes {
		return nil, fault.New(fault.TooLarge, fault.SourceConfig,
			fmt.Sprintf("the value has more bytes than the store's limit of %d", s.limits.MaxValueBytes))
	}
	set := provider.SetRequest{Ref: ref, Value: value, Tags: req.GetTags()}
	if req.ExpectedVersion != nil {
		v := secret.Version(req.GetExpectedVersion())
		set.Expected = &v
	}
	if t := req.GetExpires(); t != nil {
		if !t.IsValid() {
			return nil, fault.New(fault.TooLarge, fault.SourceConfig, "the expiry is outside of the years 1 to 9999")
		}
		set.Expires = t.AsTime()
	}
	m, err := writer.Set(ctx, set)
	if err != nil {
		return nil, err
	}
	if err := s.hold(ctx, "Set", rules.Set(&m, set)); err != nil {
		return nil, err
	}
	return &pb.SetResponse{Metadata: toMetadata(m)}, nil
}

func (s *server) Delete(ctx context.Context, req *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	p, ref, err := s.target(req.GetRef())
	if err != nil {
		return nil, err
	}
	writer, ok := p.(provider.Writer)
	if !ok {
		return nil, unsupported("delete")
	}
	return &pb.DeleteResponse{}, writer.Delete(ctx, ref)
}

func (s *server) Recover(ctx context.Context, req *pb.RecoverRequest) (*pb.RecoverResponse, error) {
	p, ref, err := s.target(req.GetRef())
	if err != nil {
		return nil, err
	}
	r, ok := p.(provider.Recoverer)
	if !ok {
		return nil, unsupported("recover")
	}
	m, err := r.Recover(ctx, ref)
	if err != nil {
		return nil, err
	}
	if err := s.hold(ctx, "Recover", rules.Recover(&m, ref)); err != nil {
		return nil, err
	}
	return &pb.RecoverResponse{Metadata: toMetadata(m)}, nil
}

func (s *server) Purge(ctx context.Context, req *pb.PurgeRequest) (*pb.PurgeResponse, error) {
	p, ref, err := s.target(req.GetRef())
	if err != nil {
		return nil, err
	}
	r, ok := p.(provider.Recoverer)
	if !ok {
		return nil, unsupported("purge")
	}
	return &pb.PurgeResponse{}, r.Purge(ctx, ref)
}

// target returns the provider and the checked ref of a call.
func (s *server) target(text string) (provider.Provider, secret.Ref, error) {
	p, err := s.store()
	if err != nil {
		return nil, "", err
	}
	ref, err := secret.ParseRef(text)
	if err != nil {
		return nil, "", fault.Wrap(fault.InvalidRef, fault.SourceConfig, "", err)
	}
	if len(ref) > s.limits.MaxRefBytes {
		return nil, "", fault.New(fault.InvalidRef, fault.SourceConfig,
			fmt.Sprintf("the ref has %d bytes, the store's limit is %d", len(ref), s.limits.MaxRefBytes))
	}
	return p, ref, nil
}

// hold keeps an answer of the provider that breaks the contract from leaving the
// plugin. The host would refuse it; here its author learns where to look.
func (s *server) hold(ctx context.Context, call string, broken rules.Rule) error {
	if broken == rules.None {
		return nil
	}
	s.tel.Logger.ErrorContext(ctx, "provider broke the contract", "call", call, "rule", broken.String(), "spec", broken.Spec())
	return fault.New(fault.Internal, fault.SourcePlugin, fmt.Sprintf("the provider broke the contract in %s: %s (%s)", call, broken, broken.Spec()))
}

// once leaves out what a store showed a second time, as happens when it is
// changed while it is listed.
func once(items []secret.Metadata) []secret.Metadata {
	seen, kept := make(map[string]bool, len(items)), make([]secret.Metadata, 0, len(items))
	for _, m := range items {
		if !seen[m.Name] {
			kept = append(kept, m)
		}
		seen[m.Name] = true
	}
	return kept
}

func unsupported(what string) error {
	return fault.New(fault.Unsupported, fault.SourcePlugin, "this provider cannot "+what)
}

func listRequest(size uint32, token string) provider.ListRequest {
	return provider.ListRequest{Size: int(min(max(size, 1), contract.MaxPageItems)), Token: token}
}

func toItems(page secret.Page) []*pb.Metadata {
	items := make([]*pb.Metadata, 0, len(page.Items))
	for _, m := range page.Items {
		items = append(items, toMetadata(m))
	}
	return items
}

func toMetadata(m secret.Metadata) *pb.Metadata {
	return &pb.Metadata{
		Ref: string(m.Ref), Name: m.Name, Version: string(m.Version), Disabled: m.Disabled, Tags: m.Tags,
		Created: toTime(m.Created), Updated: toTime(m.Updated), Expires: toTime(m.Expires), NotBefore: toTime(m.NotBefore),
	}
}

func toTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
