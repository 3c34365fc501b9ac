package persona

import (
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

// info alters what the good plugin says of itself.
func info(alter func(*pb.GetInfoResponse)) part {
	return part{call: on(func(_ scene, _ *pb.GetInfoRequest, next func() (*pb.GetInfoResponse, error)) (*pb.GetInfoResponse, error) {
		got, err := next()
		if err != nil {
			return nil, err
		}
		got = proto.CloneOf(got) // the good plugin has but one
		alter(got)
		return got, nil
	})}
}

// claims is everything that the good plugin claims, and without what is taken
// from it.
func claims(info *pb.GetInfoResponse, without ...pb.Capability) {
	info.Capabilities = slices.DeleteFunc(info.Capabilities, func(c pb.Capability) bool { return slices.Contains(without, c) })
}

// impostors say of themselves what is not so.
func impostors() []Persona {
	define := func(change func(*provider.Definition[*filestore.Store])) part { return part{define: change} }
	return []Persona{
		{Name: "wrong-name", About: "Has another name than it was installed under.",
			part: define(func(d *provider.Definition[*filestore.Store]) { d.Name = "somebody-else" })},
		{Name: "wrong-version", About: "Has another version than the one that is pinned.",
			part: define(func(d *provider.Definition[*filestore.Store]) { d.Version = "6.6.6" })},
		{Name: "nonsense-version", About: "Has a version that is none.",
			Breaks: []string{"getinfo-is-well-formed"},
			part:   info(func(i *pb.GetInfoResponse) { i.Version = "latest" })},
		{Name: "nonsense-name", About: "Has a name of two lines.",
			Breaks: []string{"getinfo-is-well-formed"},
			part:   info(func(i *pb.GetInfoResponse) { i.Name = "per\nsona" })},
		{Name: "boastful-limits", About: "Takes values that are larger than the contract allows.",
			Breaks: []string{"getinfo-is-well-formed"},
			part:   info(func(i *pb.GetInfoResponse) { i.Limits.MaxValueBytes = 1 << 30 })},
		{Name: "version-changes", About: "Gives another version each time it is asked.",
			Breaks: []string{"getinfo-needs-no-configuration"}, part: versionChanges()},
		{Name: "fears-the-future", About: "Fails when the host speaks a newer minor of the contract.",
			Breaks: []string{"unknown-additions-are-ignored"},
			part: part{call: on(func(_ scene, req *pb.GetInfoRequest, next func() (*pb.GetInfoResponse, error)) (*pb.GetInfoResponse, error) {
				if req.GetHostContractMinor() > 100 {
					return nil, status.Error(codes.Internal, "this host is too new")
				}
				return next()
			})}},
		{Name: "empty-claims", About: "Claims RECOVER and PURGE and serves neither.",
			Breaks: []string{"claimed-capability-is-served"},
			part: part{call: both(
				on(func(scene, *pb.RecoverRequest, func() (*pb.RecoverResponse, error)) (*pb.RecoverResponse, error) {
					return nil, status.Error(codes.Unimplemented, "not here")
				}),
				on(func(scene, *pb.PurgeRequest, func() (*pb.PurgeResponse, error)) (*pb.PurgeResponse, error) {
					return nil, status.Error(codes.Unimplemented, "not here")
				}))}},
		{Name: "lists-not", About: "Claims LIST and does not serve it.",
			Breaks: []string{"claimed-capability-is-served"},
			part: part{call: on(func(scene, *pb.ListRequest, func() (*pb.ListResponse, error)) (*pb.ListResponse, error) {
				return nil, status.Error(codes.Unimplemented, "not here")
			})}},
		{Name: "waits-for-network", About: "Connects to its store during Configure, and waits for it.",
			Breaks: []string{"configure-does-not-wait-for-the-network"},
			part: part{call: on(func(_ scene, _ *pb.ConfigureRequest, next func() (*pb.ConfigureResponse, error)) (*pb.ConfigureResponse, error) {
				phone(time.Second)
				return next()
			})}},
	}
}

func versionChanges() part {
	var asked atomic.Int32
	return info(func(i *pb.GetInfoResponse) {
		if asked.Add(1) > 1 {
			i.Version = "1.0.1"
		}
	})
}
