package conformance

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// watched is a connection that gives each call a deadline, waits when the store
// asks for it, and shows the suite every answer.
type watched struct {
	conn  grpc.ClientConnInterface
	suite *suite
}

// noDeadline marks a context whose calls are to have none.
type noDeadline struct{}

func withoutDeadline(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), noDeadline{}, true)
}

// Invoke makes one call. What the store refuses for want of time is tried again:
// nothing was changed then.
func (w *watched) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if _, has := ctx.Deadline(); !has && ctx.Value(noDeadline{}) == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.suite.config.CallLimit)
		defer cancel()
	}
	if set, ok := args.(*pb.SetRequest); ok {
		w.suite.noteSet(set)
	}
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		var header, trailer metadata.MD
		err := w.conn.Invoke(ctx, method, args, reply, append(opts, grpc.Header(&header), grpc.Trailer(&trailer))...)
		w.suite.seen.look(w.suite.leaks, path.Base(method), reply, err, header, trailer)
		w.suite.judge(method, args, reply, err, header)
		f := wire.FromError(err)
		deadline, has := ctx.Deadline()
		if f == nil || f.Reason != fault.Throttled || !has || status.Code(err) != codes.ResourceExhausted {
			return err
		}
		wait := max(f.RetryAfter, pause)
		if time.Until(deadline) < wait {
			return err
		}
		sleep(ctx, wait)
	}
}

// NewStream is not needed: the contract has no streams.
func (w *watched) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "the contract has no streams")
}

func (s *suite) noteSet(set *pb.SetRequest) {
	s.leaks.note(set.GetValue())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[set.GetRef()] = true
}

// observed is what the answers of a whole run showed, for the cases that are
// about all of them. It keeps findings, not answers.
type observed struct {
	mu sync.Mutex
	// found is by case.
	found map[string][]string
	// calls that were answered, and those that failed.
	calls, failures int
}

// note keeps what breaks the rule of a case, once each.
func (o *observed) note(rule, format string, args ...any) {
	text := fmt.Sprintf(format, args...) // of our own words, and of names that were checked
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.found == nil {
		o.found = map[string][]string{}
	}
	for _, known := range o.found[rule] {
		if known == text {
			return
		}
	}
	o.found[rule] = append(o.found[rule], text)
}

// of returns what was noted against a rule.
func (o *observed) of(rule string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.found[rule]
}

// look checks one answer against the rules that hold for all.
func (o *observed) look(l *leaks, call string, reply any, err error, header, trailer metadata.MD) {
	o.mu.Lock()
	o.calls++
	if err != nil {
		o.failures++
	}
	o.mu.Unlock()
	for key, values := range metadata.Join(header, trailer) {
		if key == "grpc-message" || key == "grpc-status-details-bin" {
			continue // the error's
		}
		if form := l.find([]byte(strings.Join(values, "\n"))); form != "" {
			o.note(caseWhere, "the gRPC header %q of an answer to %s holds %s", key, call, form)
		}
	}
	if err != nil {
		o.lookAtError(l, call, status.Convert(err))
		return
	}
	switch got := reply.(type) {
	case *pb.ConfigureResponse:
		for _, d := range got.GetDiagnostics() {
			if form := l.find([]byte(d.GetPath() + "\n" + d.GetSummary() + "\n" + d.GetDetail())); form != "" {
				o.note(caseDiagnostics, "a diagnostic holds %s", form)
			}
		}
	case *pb.CheckResponse:
		if form := l.find(textOf(got)); form != "" {
			o.note(caseCheck, "the answer to Check holds %s", form)
		}
	case *pb.GetResponse:
		o.lookAtMetadata(l, call, got.GetMetadata())
	case interface{ GetMetadata() *pb.Metadata }:
		o.lookAtMetadata(l, call, got.GetMetadata())
	case interface{ GetItems() []*pb.Metadata }:
		for _, m := range got.GetItems() {
			o.lookAtMetadata(l, call, m)
		}
	}
}

func (o *observed) lookAtMetadata(l *leaks, call string, m *pb.Metadata) {
	if form := l.find(textOf(m)); form != "" {
		o.note(caseMetadata, "the metadata of %s hold %s", call, form)
	}
}

func (o *observed) lookAtError(l *leaks, call string, s *status.Status) {
	if form := l.find([]byte(s.Message())); form != "" {
		o.note(caseErrors, "the text of a failed %s holds %s", call, form)
	}
	var details []*pb.Fault
	for _, d := range s.Details() {
		if f, ok := d.(*pb.Fault); ok {
			details = append(details, f)
		}
		if m, ok := d.(proto.Message); ok {
			if form := l.find(textOf(m)); form != "" {
				o.note(caseErrors, "the detail of a failed %s holds %s", call, form)
			}
		}
	}
	if len(details) > 1 {
		o.note(caseReasons, "a failed %s has %d details, expected one", call, len(details))
	}
	for _, f := range details {
		want := wire.Code(fault.Reason(f.GetReason()))
		if _, known := pb.Reason_name[int32(f.GetReason())]; known && s.Code() != want {
			o.note(caseReasons, "%s failed with %s and the code %s, expected the code %s", call, fault.Reason(f.GetReason()), s.Code(), want)
		}
		if f.GetMessage() == "" {
			o.note(caseWords, "%s failed with %s and no message", call, fault.Reason(f.GetReason()))
		}
	}
}

// textOf is every text of a message. Marks are letters and digits, so that no
// escaping hides them.
func textOf(m proto.Message) []byte {
	out, err := proto.Marshal(m)
	if err != nil {
		return nil
	}
	return out
}
