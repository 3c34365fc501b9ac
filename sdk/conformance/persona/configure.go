package persona

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// setters treat their configuration, or a question about their health, badly.
func setters() []Persona {
	onConfigure := func(do func(scene, *pb.ConfigureRequest, func() (*pb.ConfigureResponse, error)) (*pb.ConfigureResponse, error)) part {
		return part{call: on(do)}
	}
	return []Persona{
		{Name: "one-problem", About: "Reports the first problem of its configuration only.",
			Breaks: []string{"configure-reports-all-problems-at-once"},
			part: part{call: answer(func(r *pb.ConfigureResponse) {
				r.Diagnostics = r.Diagnostics[:min(len(r.Diagnostics), 1)]
			})}},
		{Name: "quotes-configuration", About: "Repeats its configuration in a diagnostic.",
			Breaks: []string{"diagnostics-quote-no-configuration"},
			part: onConfigure(func(_ scene, req *pb.ConfigureRequest, next func() (*pb.ConfigureResponse, error)) (*pb.ConfigureResponse, error) {
				resp, err := next()
				for _, d := range resp.GetDiagnostics() {
					d.Detail = "got " + tagText(req.GetConfig())
				}
				return resp, err
			})},
		{Name: "logs-configuration", About: "Logs its configuration.",
			Breaks: []string{"log-holds-no-value"},
			part: onConfigure(func(_ scene, req *pb.ConfigureRequest, next func() (*pb.ConfigureResponse, error)) (*pb.ConfigureResponse, error) {
				slog.New(slog.NewJSONHandler(os.Stderr, nil)).Info("configuring", "config", string(req.GetConfig()))
				return next()
			})},
		{Name: "many-diagnostics", About: "Answers Configure with more diagnostics than there may be.",
			Breaks: []string{"diagnostics-are-well-formed"},
			part: part{call: answer(func(r *pb.ConfigureResponse) {
				for range 200 {
					r.Diagnostics = append(r.Diagnostics, &pb.Diagnostic{Severity: pb.Diagnostic_SEVERITY_WARNING, Path: "Folder", Summary: "is odd"})
				}
			})}},
		{Name: "takes-any-configuration", About: "Accepts a configuration that is no object.",
			Breaks: []string{"configure-refuses-what-is-no-object"},
			part: onConfigure(func(_ scene, req *pb.ConfigureRequest, next func() (*pb.ConfigureResponse, error)) (*pb.ConfigureResponse, error) {
				if c := bytes.TrimSpace(req.GetConfig()); !bytes.HasPrefix(c, []byte("{")) {
					return &pb.ConfigureResponse{}, nil
				}
				return next()
			})},
		{Name: "dies-of-nonsense", About: "Ends its process when its configuration is not UTF-8.",
			Breaks: []string{"configure-refuses-what-is-no-object", "defect-ends-the-call-and-not-the-process"},
			part: onConfigure(func(_ scene, req *pb.ConfigureRequest, next func() (*pb.ConfigureResponse, error)) (*pb.ConfigureResponse, error) {
				if !utf8.Valid(req.GetConfig()) {
					os.Exit(11)
				}
				return next()
			})},
		{Name: "unconfigures", About: "Is not configured any more once a second configuration was refused.",
			Breaks: []string{"configure-again-replaces-or-changes-nothing"}, part: unconfigures()},
		{Name: "unconfigured", About: "Fails calls before Configure as a defect.",
			Breaks: []string{"unconfigured-plugin-says-so"},
			part:   refusedFor(fault.ConfigInvalid, fault.New(fault.Internal, fault.SourcePlugin, "nil pointer"))},
		{Name: "check-writes", About: "Creates a secret when it is asked to check.",
			Breaks: []string{"check-changes-and-reveals-nothing"},
			part: part{call: on(func(s scene, _ *pb.CheckRequest, next func() (*pb.CheckResponse, error)) (*pb.CheckResponse, error) {
				resp, err := next()
				if err == nil {
					_, _ = s.set(fmt.Sprint("secret://persona/probe-", time.Now().UnixNano()), []byte("probe"))
				}
				return resp, err
			})}},
		{Name: "many-results", About: "Answers Check with more results than there may be.",
			Breaks: []string{"check-report-is-well-formed"},
			part: part{call: answer(func(r *pb.CheckResponse) {
				for range 100 {
					r.Results = append(r.Results, &pb.CheckResult{Name: "one-more", Ok: true})
				}
			})}},
	}
}

// unconfigures refuses every call after a Configure that failed.
func unconfigures() part {
	var refused atomic.Bool
	return part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		switch req.(type) {
		case *pb.ConfigureRequest:
			resp, err := handle(ctx, req)
			list, _ := resp.(*pb.ConfigureResponse)
			refused.Store(len(list.GetDiagnostics()) > 0)
			return resp, err
		case *pb.GetInfoRequest, *pb.DrainRequest:
		default:
			if refused.Load() {
				return nil, fault.New(fault.ConfigInvalid, fault.SourceHost, "the plugin has not been configured")
			}
		}
		return handle(ctx, req)
	}}
}

// refusedFor replaces the outcomes of one reason.
func refusedFor(reason fault.Reason, instead error) part {
	return part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		resp, err := handle(ctx, req)
		if err != nil && reasonOf(err) == reason {
			return nil, instead
		}
		return resp, err
	}}
}
