package conformance

import (
	"context"
	"errors"
	"path"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// judge holds every answer of the run against the rules that a host checks, by
// showing it to the host's own facade once more. What a host would refuse is
// noted against the rule that the facade names.
func (s *suite) judge(method string, args, reply any, failed error, header metadata.MD) {
	ctx := context.WithValue(context.Background(), recorded{}, &answer{reply, failed, header})
	if _, ok := args.(*pb.GetInfoRequest); ok {
		_, err := facade.OpenV1(ctx, replay{})
		s.accuse(err)
		return
	}
	f, err := s.facadeOf()
	if err != nil {
		return // without what the plugin claims there is nothing to hold it against
	}
	switch req := args.(type) {
	case *pb.ConfigureRequest:
		_, err = f.Configure(ctx, []byte("{}"))
	case *pb.CheckRequest:
		_, err = f.Check(ctx)
	case *pb.DescribeRequest:
		_, err = f.Describe(ctx, secret.Ref(req.GetRef()))
	case *pb.GetRequest:
		_, err = f.Get(ctx, secret.Ref(req.GetRef()), secret.Version(req.GetVersion()))
	case *pb.ListRequest:
		_, err = f.List(ctx, provider.ListRequest{Size: int(req.GetPageSize()), Token: req.GetPageToken()})
	case *pb.ListVersionsRequest:
		_, err = f.ListVersions(ctx, secret.Ref(req.GetRef()), provider.ListRequest{Size: int(req.GetPageSize()), Token: req.GetPageToken()})
	case *pb.SetRequest:
		set := provider.SetRequest{Ref: secret.Ref(req.GetRef()), Value: secret.NewValue(req.GetValue()), Tags: req.GetTags()}
		if req.ExpectedVersion != nil {
			v := secret.Version(req.GetExpectedVersion())
			set.Expected = &v
		}
		if req.GetExpires().IsValid() {
			set.Expires = req.GetExpires().AsTime()
		}
		_, err = f.Set(ctx, set)
	case *pb.DeleteRequest:
		err = f.Delete(ctx, secret.Ref(req.GetRef()))
	case *pb.RecoverRequest:
		_, err = f.Recover(ctx, secret.Ref(req.GetRef()))
	case *pb.PurgeRequest:
		err = f.Purge(ctx, secret.Ref(req.GetRef()))
	}
	s.accuse(err)
}

// accuse notes a violation against its rule. Other outcomes are no business of
// a judge.
func (s *suite) accuse(err error) {
	var v *facade.Violation
	if !errors.As(err, &v) {
		return
	}
	if _, anchor, ok := strings.Cut(v.Spec, "#"); ok {
		s.seen.note(anchor, "%s: %s", v.Call, v.Rule)
	}
}

// facadeOf returns a facade that knows the claims of the plugin, whatever else is
// wrong with what it says of itself.
func (s *suite) facadeOf() (*facade.V1, error) {
	s.judging.Do(func() {
		info := &pb.GetInfoResponse{
			Name: "conformance", Version: "1.0.0", ContractMinor: uint32(s.info.Minor),
			Limits: &pb.Limits{MaxValueBytes: uint32(s.info.Limits.MaxValueBytes), MaxRefBytes: uint32(s.info.Limits.MaxRefBytes)},
		}
		for c, name := range capabilityNames() {
			if s.info.Capabilities.Has(name) {
				info.Capabilities = append(info.Capabilities, c)
			}
		}
		ctx := context.WithValue(context.Background(), recorded{}, &answer{reply: info})
		s.judges, s.judgesErr = facade.OpenV1(ctx, replay{})
	})
	return s.judges, s.judgesErr
}

// recorded is the key of the answer that a replay gives.
type recorded struct{}

// answer is what came from the plugin.
type answer struct {
	reply  any
	failed error
	header metadata.MD
}

// replay is a connection that answers with what the context holds.
type replay struct{}

func (replay) Invoke(ctx context.Context, method string, _, reply any, opts ...grpc.CallOption) error {
	a, _ := ctx.Value(recorded{}).(*answer)
	if a == nil {
		return status.Errorf(codes.Unavailable, "no answer to %s was recorded", path.Base(method))
	}
	for _, o := range opts {
		if h, ok := o.(grpc.HeaderCallOption); ok {
			*h.HeaderAddr = a.header
		}
	}
	if a.failed != nil {
		return a.failed
	}
	from, ok := a.reply.(proto.Message)
	to, fits := reply.(proto.Message)
	if !ok || !fits || from.ProtoReflect().Descriptor() != to.ProtoReflect().Descriptor() {
		return status.Errorf(codes.Unavailable, "the answer to %s that was recorded is of another call", path.Base(method))
	}
	proto.Merge(to, from) // a copy: the facade wipes what it refuses
	return nil
}

func (replay) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "the contract has no streams")
}

// heardCases are the rules that are held against every answer.
func heardCases() []Case {
	passes := func(name, page, about string) Case {
		return Case{
			Name: name, Page: page, Level: Core, About: about + ", in every answer of the run", phase: afterwards,
			run: func(context.Context, *trial) error { return nil },
		}
	}
	advice := passes(caseWords, "errors.md", "a failure comes with a word")
	advice.Level = None
	return []Case{
		passes("answer-is-a-message-of-the-contract", "README.md", "one message of the call's type"),
		passes("getinfo-is-well-formed", "plugin.md", "name, version, commit and limits as a host takes them"),
		passes("capabilities-agree-with-each-other", "plugin.md", "nothing is claimed twice, or about a call that is not"),
		passes("config-schema-is-well-formed", "plugin.md", "the schema keeps its rules"),
		passes("diagnostics-are-well-formed", "plugin.md", "at most 100, each with severity and summary"),
		passes("check-report-is-well-formed", "plugin.md", "at most 32 results, each with a name"),
		passes("metadata-is-present", "metadata.md", "metadata with a name"),
		passes("version-is-never-empty", "metadata.md", "metadata with a version"),
		passes("metadata-is-short-text", "metadata.md", "refs, names, versions and tags within their limits"),
		passes("times-are-valid", "metadata.md", "times of the years 1 to 9999"),
		passes("list-page-holds-no-name-twice", "metadata.md", "no name twice on a page"),
		passes("list-token-is-short-text", "metadata.md", "tokens of at most 4 KiB without control characters"),
		passes("listversions-page-holds-no-version-twice", "metadata.md", "no version twice on a page"),
		passes("get-value-is-within-the-limit", "value.md", "at most 1 MiB"),
		passes(caseReasons, "errors.md", "one detail at most, with the code of its reason"),
		advice,
		passes(caseErrors, "errors.md", "no failure shows a value"),
		passes(caseMetadata, "metadata.md", "no metadata show a value, or a digest of one"),
	}
}
