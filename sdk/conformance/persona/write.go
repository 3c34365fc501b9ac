package persona

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

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
		{Name: "cuts-long", About: "Stores the first 32 KiB of longer values.",
			Breaks: []string{"set-never-cuts-a-value"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				req.Value = req.Value[:min(len(req.Value), 32<<10)]
				return next()
			})},
		{Name: "takes-too-much", About: "Says that it stores 64 KiB at most and takes more.",
			Breaks: []string{"set-over-the-limit-is-too-large"},
			part:   info(func(i *pb.GetInfoResponse) { i.Limits.MaxValueBytes = small })},
		{Name: "old-version", About: "Answers Set with the version that was there before.",
			Breaks: []string{"set-returns-the-new-version"},
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
			Breaks: []string{"set-compares-and-writes-in-one-step"},
			part: onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				req.ExpectedVersion = nil
				return next()
			})},
		{Name: "two-steps", About: "Compares the version first and writes a moment later.",
			Breaks: []string{"set-compares-and-writes-in-one-step"}, part: onSet(twoSteps)},
		{Name: "writes-and-refuses", About: "Stores the value of a Set that it refuses because of the version.",
			Breaks: []string{"refused-write-changes-nothing"},
			part: onSet(func(s scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				resp, err := next()
				if r := reasonOf(err); r == fault.VersionConflict || r == fault.AlreadyExists {
					_, _ = s.set(req.GetRef(), req.GetValue())
				}
				return resp, err
			})},
		{Name: "mixes-writers", About: "Stores a half each of two values that are set at the same time.",
			Breaks: []string{"concurrent-sets-are-applied-whole"}, part: mixesWriters()},
		{Name: "set-is-late", About: "Answers Set and stores the value a second later.",
			Breaks: []string{"set-is-seen-by-the-next-get"},
			part: onSet(func(s scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
				before, none := s.get(req.GetRef(), "")
				resp, err := next()
				if none == nil && err == nil && len(before.GetValue()) > 0 {
					late := append([]byte{}, req.GetValue()...)
					_, _ = s.set(req.GetRef(), before.GetValue())
					time.AfterFunc(time.Second, func() {
						_, _ = scene{context.WithoutCancel(s), s.good}.set(req.GetRef(), late)
					})
				}
				return resp, err
			})},
		{Name: "half-written", About: "Writes a secret in place, so that the end of the process leaves a half.",
			Breaks: []string{"end-at-any-moment-corrupts-nothing"}, part: halfWritten()},
		{Name: "refuses-hostile-refs-by-dying", About: "Dies of refs that hold the separators of paths upwards.",
			Breaks: []string{"ref-is-checked-and-never-changed", "defect-ends-the-call-and-not-the-process"},
			part: part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				if r, ok := req.(interface{ GetRef() string }); ok && hostile(r.GetRef()) {
					fmt.Fprintln(os.Stderr, "that is no ref")
					os.Exit(10)
				}
				return handle(ctx, req)
			}}},
	}
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

// mixesWriters gives each of two sets of one secret that meet a half of the other.
func mixesWriters() part {
	var mu sync.Mutex
	underWay := map[string][]byte{}
	return onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
		mu.Lock()
		other, meet := underWay[req.GetRef()]
		underWay[req.GetRef()] = append([]byte{}, req.GetValue()...)
		mu.Unlock()
		if half := len(req.GetValue()) / 2; meet && len(other) > half {
			req.Value = append(append([]byte{}, req.Value[:half]...), other[half:]...)
		}
		resp, err := next()
		time.Sleep(moment)
		mu.Lock()
		delete(underWay, req.GetRef())
		mu.Unlock()
		return resp, err
	})
}

func hostile(ref string) bool { return strings.Contains(ref, "..") }
