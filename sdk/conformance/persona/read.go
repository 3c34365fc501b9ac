package persona

import (
	"bytes"
	"encoding/hex"
	"strings"
	"sync"
	"time"

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
		{Name: "impossible-times", About: "Answers with times that no calendar has; a host takes them as not known.",
			part: described(func(r *pb.DescribeResponse) {
				r.Metadata.Created = &timestamppb.Timestamp{Seconds: 1 << 62, Nanos: -1}
			})},
		{Name: "no-empty-value", About: "Leaves the value out of its answer when it has no bytes.",
			Breaks: []string{"get-value-is-present-even-when-empty"},
			part: got(func(r *pb.GetResponse) {
				if len(r.Value) == 0 {
					r.Value = nil
				}
			})},
		{Name: "too-much", About: "Answers Get with a value of a byte more than 1 MiB.",
			Breaks: []string{"get-value-is-within-the-limit"},
			part:   got(func(r *pb.GetResponse) { r.Value = make([]byte, contract.MaxValueBytes+1) })},
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
			Breaks: []string{"get-returns-the-version-that-was-asked"},
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
			Breaks: []string{"get-returns-the-version-that-was-asked"},
			part: part{call: on(func(s scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
				resp, err := next()
				if err == nil && req.GetVersion() != "" {
					if newest, err := s.get(req.GetRef(), ""); err == nil {
						resp.Value = newest.Value
					}
				}
				return resp, err
			})}},
		{Name: "first-version", About: "Answers Get of the newest version with the first.",
			Breaks: []string{"get-of-no-version-returns-the-newest", "set-is-seen-by-the-next-get"}, part: firstVersion()},
		{Name: "caches", About: "Answers a second Get from memory.",
			Breaks: []string{"get-is-never-answered-from-a-cache"}, part: caches()},
		{Name: "empty-for-absent", About: "Answers Get of an absent secret with an empty value.",
			Breaks: []string{"get-of-an-absent-secret-is-not-found"},
			part: part{call: on(func(_ scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
				resp, err := next()
				if reasonOf(err) == fault.NotFound && req.GetVersion() == "" {
					return &pb.GetResponse{Metadata: madeUp(req.GetRef()), Value: []byte{}}, nil
				}
				return resp, err
			})}},
		{Name: "describes-absent", About: "Answers Describe of an absent secret with an empty answer.",
			Breaks: []string{"describe-of-an-absent-secret-is-not-found"},
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
		{Name: "copies-value", About: "Puts the value of a secret into a tag.",
			Breaks: []string{"metadata-holds-no-value"},
			part: part{call: on(func(s scene, req *pb.DescribeRequest, next func() (*pb.DescribeResponse, error)) (*pb.DescribeResponse, error) {
				resp, err := next()
				if err == nil {
					if got, err := s.get(req.GetRef(), ""); err == nil && len(got.Value) > 0 && len(got.Value) <= contract.MaxTagBytes/2 {
						resp.Metadata.Tags = map[string]string{"hint": strings.ToValidUTF8(string(got.Value), hex.EncodeToString(got.Value[:1]))}
					}
				}
				return resp, err
			})}},
		{Name: "own-names", About: "Names the secrets in its store by a rule of its own.",
			Breaks: []string{"name-is-the-hash-of-the-ref"},
			part:   described(func(r *pb.DescribeResponse) { r.Metadata.Name = "x" + r.Metadata.Name[1:] })},
	}
}

// madeUp is the metadata of a secret that does not exist.
func madeUp(ref string) *pb.Metadata {
	return &pb.Metadata{Ref: ref, Name: naming.Name(ref), Version: "1"}
}

// firstVersion remembers the first version of each secret that is set.
func firstVersion() part {
	var mu sync.Mutex
	first := map[string]string{}
	note := on(func(_ scene, req *pb.SetRequest, next func() (*pb.SetResponse, error)) (*pb.SetResponse, error) {
		resp, err := next()
		mu.Lock()
		defer mu.Unlock()
		if err == nil && first[req.GetRef()] == "" {
			first[req.GetRef()] = resp.GetMetadata().GetVersion()
		}
		return resp, err
	})
	serve := on(func(s scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
		mu.Lock()
		version := first[req.GetRef()]
		mu.Unlock()
		if resp, err := s.get(req.GetRef(), version); err == nil && req.GetVersion() == "" {
			return resp, nil
		}
		return next()
	})
	return part{call: both(note, serve)}
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
