package persona

import (
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// nextSet is what the good plugin would do with a Set.
type nextSet = func() (*pb.SetResponse, error)

func onSet(do func(scene, *pb.SetRequest, nextSet) (*pb.SetResponse, error)) part {
	return part{call: on(do)}
}

// small is the limit of the plugins that say that theirs is less than the
// contract's.
const small = 64 << 10

// writers store something else than they were told.
func writers() []Persona {
	return []Persona{
		{Name: "drops-empty", About: "Answers Set of no bytes and does not store it.",
			Breaks: []string{"set-of-no-bytes-is-a-value"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				if len(req.GetValue()) == 0 {
					return &pb.SetResponse{Metadata: madeUp(req.GetRef())}, nil
				}
				return next()
			})},
		{Name: "cuts-long", About: "Stores the first 512 KiB of longer values.",
			Breaks: []string{"set-never-cuts-a-value"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				if len(req.GetValue()) <= contract.MaxValueBytes {
					req.Value = req.Value[:min(len(req.Value), 512<<10)]
				}
				return next()
			})},
		{Name: "takes-too-much", About: "Says that it stores 64 KiB at most and takes more.",
			Breaks: []string{"set-over-the-limit-is-too-large"},
			part:   info(func(i *pb.GetInfoResponse) { i.Limits.MaxValueBytes = small })},
		{Name: "old-version", About: "Answers Set with the version that was there before.",
			Breaks: []string{"set-returns-the-new-version", "version-names-one-state-only", "set-compares-and-writes-in-one-step", "version-keeps-its-value"},
			part: onSet(func(s scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				before, none := s.describe(req.GetRef())
				resp, err := next()
				if err == nil && none == nil {
					resp.Metadata.Version = before.GetMetadata().GetVersion()
				}
				return resp, err
			})},
		{Name: "sets-another", About: "Answers Set with the metadata of another ref.",
			part: part{call: answer(func(r *pb.SetResponse) { r.Metadata.Ref += "/other" })}},
		{Name: "ignores-expected", About: "Sets whatever version is there.",
			Breaks: []string{"set-honours-the-expected-version", "set-compares-and-writes-in-one-step"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				req.ExpectedVersion = nil
				return next()
			})},
		{Name: "two-steps", About: "Compares the version first and writes a moment later.",
			Breaks: []string{"set-compares-and-writes-in-one-step"}, part: onSet(twoSteps)},
		{Name: "writes-and-refuses", About: "Stores the value of a Set that it refuses because of the version.",
			Breaks: []string{"refused-write-changes-nothing", "set-honours-the-expected-version", "set-compares-and-writes-in-one-step"},
			part: onSet(func(s scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				resp, err := next()
				if r := reasonOf(err); r == fault.VersionConflict || r == fault.AlreadyExists {
					_, _ = s.set(req.GetRef(), req.GetValue())
				}
				return resp, err
			})},
		{Name: "mixes-writers", About: "Stores a mixture of two values that are set at the same time.",
			Breaks: []string{"concurrent-sets-are-applied-whole"}, part: mixesWriters()},
		{Name: "reads-late", About: "Serves the value before for a while after Set of a longer one has answered.",
			Breaks: []string{"set-is-seen-by-the-next-get"}, part: readsLate()},
		{Name: "same-value-same-version", About: "Answers Set of a value that the secret had before with the version of that time.",
			Breaks: []string{"version-names-one-state-only"}, part: remembersValues()},
		{Name: "drops-expiry", About: "Claims that it honours an expiry, and drops it.",
			Breaks: []string{"set-keeps-the-expiry"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				req.Expires = nil
				return next()
			})},
		{Name: "drops-tags", About: "Claims that it keeps tags, and drops them.",
			Breaks: []string{"set-keeps-its-tags"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				req.Tags = nil
				return next()
			})},
		{Name: "unclaimed-fields", About: "Does not claim tags, and drops them in silence.",
			Breaks: []string{"set-without-the-capability-is-unsupported"},
			part: part{call: both(info(func(i *pb.GetInfoResponse) { claims(i, pb.Capability_CAPABILITY_TAGS) }).call,
				onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
					req.Tags = nil
					return next()
				}).call)}},
		{Name: "no-limit-told", About: "Refuses values that are too large without a word on the limit.",
			Breaks: []string{"refusal-names-what-to-do"},
			part:   refusedFor(fault.TooLarge, fault.New(fault.TooLarge, fault.SourceConfig, "the value is too large"))},
		{Name: "half-written", About: "Writes large values in place, so that the end of the process leaves a half.",
			Breaks: []string{"end-at-any-moment-corrupts-nothing"}, part: halfWritten()},
	}
}

// readsLate serves for a moment what was there before the last Set.
func readsLate() part {
	var mu sync.Mutex
	before := map[string]*pb.GetResponse{}
	sets := onSet(func(s scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
		old, none := s.get(req.GetRef(), "")
		size := len(req.GetValue())
		resp, err := next()
		if n := len(old.GetValue()); none == nil && err == nil && 0 < n && n < size {
			mu.Lock()
			before[req.GetRef()] = old
			mu.Unlock()
			time.AfterFunc(2*moment, func() {
				mu.Lock()
				defer mu.Unlock()
				if before[req.GetRef()] == old {
					delete(before, req.GetRef())
				}
			})
		}
		return resp, err
	})
	gets := on(func(_ scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
		mu.Lock()
		old := before[req.GetRef()]
		mu.Unlock()
		if old != nil && req.GetVersion() == "" {
			return proto.CloneOf(old), nil
		}
		return next()
	})
	return part{call: both(sets.call, gets)}
}

// remembersValues takes a value for the state of a secret, whatever was between.
func remembersValues() part {
	var mu sync.Mutex
	versions := map[string]string{} // by ref and value
	return onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
		key := req.GetRef() + "\n" + string(req.GetValue())
		resp, err := next()
		if err != nil {
			return resp, err
		}
		mu.Lock()
		defer mu.Unlock()
		if version, had := versions[key]; had {
			resp.Metadata.Version = version
		} else {
			versions[key] = resp.GetMetadata().GetVersion()
		}
		return resp, nil
	})
}

// twoSteps leaves a gap between comparing and writing.
func twoSteps(s scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
	if req.ExpectedVersion == nil {
		return next()
	}
	current := ""
	if m, err := s.describe(req.GetRef()); err == nil {
		current = m.GetMetadata().GetVersion()
	}
	if current != req.GetExpectedVersion() {
		return next() // refuses
	}
	time.Sleep(2 * moment)
	req.ExpectedVersion = nil
	return next()
}

// mixesWriters gives the later of two sets of one secret that meet every other
// byte of the earlier.
func mixesWriters() part {
	var mu sync.Mutex
	underWay := map[string][]byte{}
	return onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
		mu.Lock()
		other, meet := underWay[req.GetRef()]
		underWay[req.GetRef()] = append([]byte{}, req.GetValue()...)
		mu.Unlock()
		for i := 1; meet && i < min(len(req.GetValue()), len(other)); i += 2 {
			req.Value[i] = other[i]
		}
		resp, err := next()
		mu.Lock()
		delete(underWay, req.GetRef())
		mu.Unlock()
		return resp, err
	})
}
