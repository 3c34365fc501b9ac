package persona

import (
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// reasonOf is the reason of a call that the good plugin answered, [fault.OK] when
// it went well.
func reasonOf(err error) fault.Reason {
	if err == nil {
		return fault.OK
	}
	return fault.Of(wire.FromError(err))
}

// removers delete, recover and purge in ways of their own, or lose what they hold.
func removers() []Persona {
	onDelete := func(do func(scene, *pb.DeleteRequest, func() (*pb.DeleteResponse, error)) (*pb.DeleteResponse, error)) part {
		return part{call: on(do)}
	}
	onPurge := func(do func(scene, *pb.PurgeRequest, func() (*pb.PurgeResponse, error)) (*pb.PurgeResponse, error)) part {
		return part{call: on(do)}
	}
	return []Persona{
		{Name: "forgets", About: "Loses with its process what it stored.",
			Breaks: []string{"set-outlives-the-process", "end-at-any-moment-corrupts-nothing", "list-token-outlives-the-process"}, part: forgetful()},
		{Name: "deletes-nothing", About: "Answers Delete of an absent secret with success.",
			Breaks: []string{"delete-of-an-absent-secret-is-not-found"},
			part: onDelete(func(_ scene, _ *pb.DeleteRequest, next func() (*pb.DeleteResponse, error)) (*pb.DeleteResponse, error) {
				resp, err := next()
				if reasonOf(err) == fault.NotFound {
					return &pb.DeleteResponse{}, nil
				}
				return resp, err
			})},
		{Name: "keeps-deleted", About: "Answers Delete and deletes nothing.",
			Breaks: []string{
				"deleted-secret-is-not-served", "get-of-a-deleted-secret-is-deleted", "purged-secret-is-gone",
				"recover-brings-back-the-old-value", "repeated-write-does-no-harm",
			},
			part: onDelete(func(s scene, req *pb.DeleteRequest, next func() (*pb.DeleteResponse, error)) (*pb.DeleteResponse, error) {
				if _, err := s.describe(req.GetRef()); err != nil {
					return next()
				}
				return &pb.DeleteResponse{}, nil
			})},
		{Name: "deleted-is-absent", About: "Answers Get of a secret that can be recovered with NOT_FOUND.",
			Breaks: []string{"get-of-a-deleted-secret-is-deleted"},
			part: part{call: on(func(_ scene, _ *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
				resp, err := next()
				if reasonOf(err) == fault.Deleted {
					err = fault.New(fault.NotFound, fault.SourceBackend, "there is no such secret")
				}
				return resp, err
			})}},
		{Name: "deletes-twice", About: "Removes a secret for ever when it is deleted a second time.",
			Breaks: []string{"repeated-write-does-no-harm"},
			part: onDelete(func(s scene, req *pb.DeleteRequest, next func() (*pb.DeleteResponse, error)) (*pb.DeleteResponse, error) {
				resp, err := next()
				if reasonOf(err) == fault.Deleted {
					_ = s.purge(req.GetRef())
				}
				return resp, err
			})},
		{Name: "recovers-empty", About: "Recovers a secret without its value.",
			Breaks: []string{"recover-brings-back-the-old-value"},
			part: part{call: on(func(s scene, req *pb.RecoverRequest, next func() (*pb.RecoverResponse, error)) (*pb.RecoverResponse, error) {
				resp, err := next()
				if err == nil {
					_, err = s.set(req.GetRef(), nil)
				}
				return resp, err
			})}},
		{Name: "recovers-living", About: "Answers Recover of a secret that is there with success.",
			Breaks: []string{"recover-needs-a-deleted-secret", "repeated-write-does-no-harm"},
			part: part{call: on(func(s scene, req *pb.RecoverRequest, next func() (*pb.RecoverResponse, error)) (*pb.RecoverResponse, error) {
				resp, err := next()
				if reasonOf(err) == fault.AlreadyExists {
					if m, err := s.describe(req.GetRef()); err == nil {
						return &pb.RecoverResponse{Metadata: m.GetMetadata()}, nil
					}
				}
				return resp, err
			})}},
		{Name: "purges-living", About: "Purges a secret that was not deleted.",
			Breaks: []string{"purge-never-removes-a-living-secret"},
			part: onPurge(func(s scene, req *pb.PurgeRequest, next func() (*pb.PurgeResponse, error)) (*pb.PurgeResponse, error) {
				resp, err := next()
				if reasonOf(err) != fault.AlreadyExists {
					return resp, err
				}
				if err := s.delete(req.GetRef()); err != nil {
					return nil, err
				}
				return &pb.PurgeResponse{}, s.purge(req.GetRef())
			})},
		{Name: "purges-nothing", About: "Answers Purge and keeps what it should remove.",
			Breaks: []string{"purged-secret-is-gone", "repeated-write-does-no-harm"},
			part: onPurge(func(s scene, req *pb.PurgeRequest, next func() (*pb.PurgeResponse, error)) (*pb.PurgeResponse, error) {
				if _, err := s.describe(req.GetRef()); fault.Of(err) == fault.Deleted {
					return &pb.PurgeResponse{}, nil
				}
				return next()
			})},
	}
}
