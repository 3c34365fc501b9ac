package persona

import (
	"context"
	"encoding/json"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// oddities answer in a form that the contract does not have, or ask for a
// configuration that they do not mean.
func oddities() []Persona {
	type configured = func() (*pb.ConfigureResponse, error)
	refuse := func(summary string) *pb.ConfigureResponse {
		return &pb.ConfigureResponse{Diagnostics: []*pb.Diagnostic{{Severity: pb.Diagnostic_SEVERITY_ERROR, Path: "Folder", Summary: summary}}}
	}
	return []Persona{
		{Name: "never-content", About: "Finds an error in every configuration.",
			Breaks: []string{"configure-takes-what-is-right"},
			part: part{call: on(func(_ scene, _ *pb.ConfigureRequest, next configured) (*pb.ConfigureResponse, error) {
				return refuse("it does not please me"), nil
			})}},
		{Name: "minds-letters", About: "Knows its key in the letters of the documentation only.",
			Breaks: []string{"configure-takes-what-settings-can-hold"},
			part: part{call: on(func(_ scene, req *pb.ConfigureRequest, next configured) (*pb.ConfigureResponse, error) {
				var given map[string]json.RawMessage
				if json.Unmarshal(req.GetConfig(), &given) == nil && given != nil && given["Folder"] == nil {
					return refuse("it is required"), nil
				}
				return next()
			})}},
		{Name: "idle-schema", About: "Declares a key that is required and does not miss it.",
			Breaks: []string{"config-schema-is-what-configure-checks"},
			part: info(func(i *pb.GetInfoResponse) {
				i.ConfigSchema.Fields = append(i.ConfigSchema.Fields, &pb.ConfigField{
					Key: "Region", Type: pb.ConfigField_TYPE_TEXT, About: "Where the store is", Required: true,
				})
			})},
		{Name: "wordless-schema", About: "Declares a key without a word on it.",
			Breaks: []string{"config-schema-is-well-formed"},
			part:   info(func(i *pb.GetInfoResponse) { i.ConfigSchema.Fields[0].About = "" })},
		{Name: "claims-twice", About: "Claims the same thing twice.",
			Breaks: []string{"capabilities-agree-with-each-other"},
			part:   info(func(i *pb.GetInfoResponse) { i.Capabilities = append(i.Capabilities, i.Capabilities[0]) })},
		{Name: "another-message", About: "Answers Check with a message that cannot be read as one of that call.",
			Breaks: []string{"answer-is-a-message-of-the-contract", "check-changes-and-reveals-nothing"},
			part: part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				got, err := handle(ctx, req)
				if _, check := got.(*pb.CheckResponse); check && err == nil {
					return &pb.GetInfoResponse{Commit: "zzz"}, nil // where the results should be
				}
				return got, err
			}}},
		{Name: "versions-twice", About: "Lists a version twice on one page.",
			Breaks: []string{"listversions-page-holds-no-version-twice"},
			part: part{call: on(func(_ scene, req *pb.ListVersionsRequest, next func() (*pb.ListVersionsResponse, error)) (*pb.ListVersionsResponse, error) {
				resp, err := next()
				if n := len(resp.GetItems()); err == nil && n > 0 && n < int(req.GetPageSize()) {
					resp.Items = append(resp.Items, resp.Items[n-1])
				}
				return resp, err
			})}},
		{Name: "headers-first", About: "Sends the headers of an answer before it fails for a reason of its own.",
			Breaks: []string{"answer-is-a-message-of-the-contract", "every-call-has-a-deadline"},
			part: part{call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				got, err := handle(ctx, req)
				if err != nil && reasonOf(err) == fault.Internal {
					_ = grpc.SendHeader(ctx, nil)
					err = status.Error(codes.Internal, "something went wrong")
				}
				return got, err
			}}},
	}
}
