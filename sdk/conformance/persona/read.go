package persona

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/naming"
)

// misreaders answer Get and Describe with what is not so.
func misreaders() []Persona {
	got := func(alter func(*pb.GetResponse)) part { return part{call: answer(alter)} }
	described := func(alter func(*pb.DescribeResponse)) part { return part{call: answer(alter)} }
	return []Persona{
		{Name: "wrong-ref", About: "Answers Get with the secret of another ref.",
			Breaks: []string{"get-returns-the-ref-that-was-asked"},
			part:   got(func(r *pb.GetResponse) { r.Metadata.Ref += "/other" })},
		{Name: "describes-another", About: "Answers Describe with the metadata of another ref.",
			Breaks: []string{"describe-returns-the-ref-that-was-asked"},
			part:   described(func(r *pb.DescribeResponse) { r.Metadata.Ref += "/other" })},
		{Name: "no-metadata", About: "Answers Get without metadata.",
			part: got(func(r *pb.GetResponse) { r.Metadata = nil })},
		{Name: "no-version", About: "Answers Describe without a version.",
			Breaks: []string{"version-is-never-empty"},
			part:   described(func(r *pb.DescribeResponse) { r.Metadata.Version = "" })},
		{Name: "long-version", About: "Answers Get with a version of 300 bytes.",
			part: got(func(r *pb.GetResponse) { r.Metadata.Version = strings.Repeat("v", 300) })},
		{Name: "many-tags", About: "Answers Describe with more tags than there may be.",
			part: described(func(r *pb.DescribeResponse) {
				r.Metadata.Tags = map[string]string{}
				for n := range contract.MaxTags + 1 {
					r.Metadata.Tags[strings.Repeat("t", n+1)] = "x"
				}
			})},
		{Name: "impossible-times", About: "Answers with times that no calendar has.",
			Breaks: []string{"times-are-valid"},
			part:   everyMetadata(func(m *pb.Metadata) { m.Created = &timestamppb.Timestamp{Seconds: 1 << 62, Nanos: -1} })},
		{Name: "describes-otherwise", About: "Tells another time of creation in Describe than in Get.",
			Breaks: []string{"describe-tells-what-get-tells"},
			part: described(func(r *pb.DescribeResponse) {
				r.Metadata.Created = timestamppb.New(r.Metadata.GetCreated().AsTime().Add(-time.Hour))
			})},
		{Name: "no-empty-value", About: "Leaves the value out of its answer when it has no bytes.",
			Breaks: []string{"get-value-is-present-even-when-empty"},
			part: got(func(r *pb.GetResponse) {
				if len(r.Value) == 0 {
					r.Value = nil
				}
			})},
		{Name: "too-much", About: "Answers Get of a large value with a byte more than 1 MiB.",
			Breaks: []string{"get-value-is-within-the-limit", "set-never-cuts-a-value"},
			part: got(func(r *pb.GetResponse) {
				if len(r.Value) > contract.MaxValueBytes/2 {
					r.Value = append(r.Value, make([]byte, contract.MaxValueBytes+1-len(r.Value))...)
				}
			})},
		{Name: "cuts-at-zero", About: "Cuts values at their first zero byte.",
			Breaks: []string{"get-returns-the-bytes-that-were-set"},
			part: got(func(r *pb.GetResponse) {
				if before, _, found := bytes.Cut(r.Value, []byte{0}); found {
					r.Value = before
				}
			})},
		{Name: "makes-text", About: "Replaces in values whatever is not UTF-8.",
			Breaks: []string{"get-returns-the-bytes-that-were-set"},
			part:   got(func(r *pb.GetResponse) { r.Value = bytes.ToValidUTF8(r.Value, []byte("?")) })},
		{Name: "trims-values", About: "Takes the line feed from the end of values.",
			Breaks: []string{"get-returns-the-bytes-that-were-set"},
			part: got(func(r *pb.GetResponse) {
				if n := len(r.Value); n > 0 && r.Value[n-1] == '\n' {
					r.Value = r.Value[:n-1]
				}
			})},
		{Name: "any-version", About: "Answers Get of an older version with the newest.",
			Breaks: []string{"get-returns-the-version-that-was-asked", "version-keeps-its-value"},
			part: part{call: on(func(_ scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
				asked := req.GetVersion()
				resp, err := next()
				if err == nil && asked != "" {
					req.Version = ""
					return next()
				}
				return resp, err
			})}},
		{Name: "right-version-wrong-value", About: "Answers Get of an older version with the newest value under the older version.",
			Breaks: []string{"version-keeps-its-value"},
			part: part{call: on(func(s scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
				resp, err := next()
				if err == nil && req.GetVersion() != "" {
					if newest, err := s.get(req.GetRef(), ""); err == nil {
						resp.Value = newest.Value
					}
				}
				return resp, err
			})}},
		{Name: "falls-back", About: "Answers Get with the version before when the newest has expired.",
			Breaks: []string{"get-of-no-version-returns-the-newest"},
			part: part{call: on(func(s scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
				resp, err := next()
				if e := resp.GetMetadata().GetExpires(); err == nil && req.GetVersion() == "" && e != nil && e.AsTime().Before(time.Now()) {
					if all := s.versions(req.GetRef()); len(all) > 1 {
						return s.get(req.GetRef(), all[1].GetVersion())
					}
				}
				return resp, err
			})}},
		{Name: "caches", About: "Answers a second Get from memory.",
			Breaks: []string{"get-is-never-answered-from-a-cache"}, part: caches()},
		{Name: "empty-for-absent", About: "Answers Get of a version of an absent secret with an empty value.",
			Breaks: []string{"get-of-an-absent-secret-is-not-found"},
			part: part{call: on(func(s scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
				resp, err := next()
				if _, absent := s.describe(req.GetRef()); req.GetVersion() != "" && fault.Of(absent) == fault.NotFound && reasonOf(err) == fault.NotFound {
					m := madeUp(req.GetRef())
					m.Version = req.GetVersion()
					return &pb.GetResponse{Metadata: m, Value: []byte{}}, nil
				}
				return resp, err
			})}},
		{Name: "describes-absent", About: "Answers Describe of an absent secret with an empty answer.",
			Breaks: []string{"describe-of-an-absent-secret-is-not-found", "metadata-is-present"},
			part: part{call: on(func(_ scene, _ *pb.DescribeRequest, next func() (*pb.DescribeResponse, error)) (*pb.DescribeResponse, error) {
				resp, err := next()
				if reasonOf(err) == fault.NotFound {
					return &pb.DescribeResponse{}, nil
				}
				return resp, err
			})}},
		{Name: "hides-expired", About: "Fails Describe of a secret past its expiry.",
			Breaks: []string{"describe-shows-what-get-would-refuse"},
			part: part{call: on(func(_ scene, _ *pb.DescribeRequest, next func() (*pb.DescribeResponse, error)) (*pb.DescribeResponse, error) {
				resp, err := next()
				if e := resp.GetMetadata().GetExpires(); err == nil && e != nil && e.AsTime().Before(time.Now()) {
					return nil, fault.New(fault.Expired, fault.SourceBackend, "the secret is past its expiry")
				}
				return resp, err
			})}},
		{Name: "copies-value", About: "Puts values into a tag of their versions.",
			Breaks: []string{"metadata-holds-no-value"},
			part: part{call: on(func(s scene, _ *pb.ListVersionsRequest, next func() (*pb.ListVersionsResponse, error)) (*pb.ListVersionsResponse, error) {
				resp, err := next()
				for _, m := range resp.GetItems() {
					if got, err := s.get(m.GetRef(), m.GetVersion()); err == nil {
						m.Tags = map[string]string{"hint": tagText(got.Value)}
					}
				}
				return resp, err
			})}},
		{Name: "own-names", About: "Names the secrets in its store by a rule of its own.",
			Breaks: []string{"name-is-the-hash-of-the-ref"},
			part:   everyMetadata(func(m *pb.Metadata) { m.Name = "x" + m.Name[1:] })},
	}
}

// everyMetadata alters what is told of single secrets.
func everyMetadata(alter func(*pb.Metadata)) part {
	return part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		resp, err := handle(ctx, req)
		if one, ok := resp.(interface{ GetMetadata() *pb.Metadata }); ok && err == nil && one.GetMetadata() != nil {
			alter(one.GetMetadata())
		}
		return resp, err
	}}
}

// tagText makes of a value what a tag can hold.
func tagText(value []byte) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, string(value))
	return text[:min(len(text), contract.MaxTagBytes)]
}

// madeUp is the metadata of a secret that does not exist.
func madeUp(ref string) *pb.Metadata {
	return &pb.Metadata{Ref: ref, Name: naming.Name(ref), Version: "1"}
}

// caches keeps what Get answered, as long as this process changes nothing itself.
func caches() part {
	var mu sync.Mutex
	kept := map[string]*pb.GetResponse{}
	forget := func(ref string) {
		mu.Lock()
		defer mu.Unlock()
		delete(kept, ref)
	}
	serve := on(func(_ scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
		if req.GetVersion() != "" {
			return next()
		}
		mu.Lock()
		old := kept[req.GetRef()]
		mu.Unlock()
		if old != nil {
			return proto.CloneOf(old), nil
		}
		resp, err := next()
		if err == nil {
			mu.Lock()
			kept[req.GetRef()] = proto.CloneOf(resp)
			mu.Unlock()
		}
		return resp, err
	})
	sets := on(func(_ scene, req *pb.SetRequest, next func() (*pb.SetResponse, error)) (*pb.SetResponse, error) {
		defer forget(req.GetRef())
		return next()
	})
	deletes := on(func(_ scene, req *pb.DeleteRequest, next func() (*pb.DeleteResponse, error)) (*pb.DeleteResponse, error) {
		defer forget(req.GetRef())
		return next()
	})
	return part{call: both(sets, both(deletes, serve))}
}
