package persona

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// mangler are the plugins that change the refs they are given.
func mangler() []Persona {
	rule := []string{"refs-are-the-same-only-when-their-bytes-are"}
	return []Persona{
		{Name: "trims-refs", About: "Takes spaces from the ends of refs.", Breaks: rule, part: mangle(strings.TrimSpace)},
		{Name: "folds-refs", About: "Takes refs that differ in case for the same.", Breaks: rule, part: mangle(strings.ToLower)},
		{Name: "normalises-refs", About: "Takes refs that differ in the form of an accent for the same.", Breaks: rule,
			part: mangle(strings.NewReplacer("e\u0301", "\u00e9", "a\u0308", "\u00e4", "o\u0308", "\u00f6", "u\u0308", "\u00fc", "A\u030a", "\u00c5", "\u212b", "\u00c5").Replace)},
		{Name: "tidies-refs", About: "Takes double slashes and dots out of refs, as of paths.", Breaks: rule,
			part: mangle(func(ref string) string {
				scheme, path, found := strings.Cut(ref, "://")
				if !found {
					return ref
				}
				return scheme + "://" + strings.NewReplacer("//", "/", "/./", "/").Replace(path)
			})},
		{Name: "short-refs", About: "Refuses refs of more than 1,000 bytes, and does not say so in its limits.",
			Breaks: []string{"longest-ref-is-taken", "refs-are-the-same-only-when-their-bytes-are"},
			part: part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				if r, ok := req.(interface{ GetRef() string }); ok && len(r.GetRef()) > 1000 {
					return nil, fault.New(fault.InvalidRef, fault.SourceConfig, "the ref is longer than 1000 bytes")
				}
				return handle(ctx, req)
			}}},
		{Name: "takes-any-ref", About: "Stores under refs that are none.",
			Breaks: []string{"ref-is-checked-and-never-changed"},
			part: mangle(func(ref string) string {
				if _, err := secret.ParseRef(ref); err == nil {
					return ref
				}
				sum := sha256.Sum256([]byte(ref))
				return "secret://odd/" + hex.EncodeToString(sum[:])
			})},
	}
}

// mangle changes the ref of each request, and hides that in the answer.
func mangle(change func(string) string) part {
	var mu sync.Mutex
	asked := map[string]string{} // by what was made of them
	return part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		ref, has := req.(interface{ GetRef() string })
		original := ""
		if has {
			original = ref.GetRef()
			setRef(req, change(original))
			mu.Lock()
			asked[ref.GetRef()] = original
			mu.Unlock()
		}
		resp, err := handle(ctx, req)
		if one, ok := resp.(interface{ GetMetadata() *pb.Metadata }); ok && has && one.GetMetadata() != nil {
			m := one.GetMetadata()
			m.Ref, m.Name = original, naming.Name(original)
			return resp, err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, m := range metadataOf(resp) {
			if original, known := asked[m.GetRef()]; known {
				m.Ref, m.Name = original, naming.Name(original)
			}
		}
		return resp, err
	}}
}

func setRef(req any, ref string) {
	if m, ok := req.(proto.Message); ok {
		r := m.ProtoReflect()
		r.Set(r.Descriptor().Fields().ByName("ref"), protoreflect.ValueOfString(ref))
	}
}

// metadataOf returns the metadata of an answer, one or many.
func metadataOf(resp any) []*pb.Metadata {
	switch r := resp.(type) {
	case interface{ GetItems() []*pb.Metadata }:
		return r.GetItems()
	case interface{ GetMetadata() *pb.Metadata }:
		if m := r.GetMetadata(); m != nil {
			return []*pb.Metadata{m}
		}
	}
	return nil
}
