package persona

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// listers show another store than theirs.
func listers() []Persona {
	listed := func(alter func(*pb.ListResponse)) part { return part{call: answer(alter)} }
	return []Persona{
		{Name: "large-pages", About: "Answers List with more items than were asked for.",
			Breaks: []string{"list-page-is-no-larger-than-asked"},
			part: part{call: on(func(_ scene, req *pb.ListRequest, next func() (*pb.ListResponse, error)) (*pb.ListResponse, error) {
				resp, err := next()
				for err == nil && len(resp.GetItems()) > 0 && len(resp.GetItems()) <= int(req.GetPageSize()) {
					resp.Items = append(resp.Items, &pb.Metadata{Name: fmt.Sprint("of-another-product-", len(resp.Items)), Version: "1"})
				}
				return resp, err
			})}},
		{Name: "lists-twice", About: "Lists a secret twice on one page.",
			Breaks: []string{"list-page-holds-no-name-twice"},
			part: part{call: on(func(_ scene, req *pb.ListRequest, next func() (*pb.ListResponse, error)) (*pb.ListResponse, error) {
				resp, err := next()
				if err == nil && len(resp.GetItems()) > 0 && len(resp.GetItems()) < int(req.GetPageSize()) {
					resp.Items = append(resp.Items, resp.Items[0])
				}
				return resp, err
			})}},
		{Name: "long-token", About: "Answers List with tokens of 5 KiB.",
			Breaks: []string{"list-token-is-short-text"},
			part: part{call: on(func(_ scene, req *pb.ListRequest, next func() (*pb.ListResponse, error)) (*pb.ListResponse, error) {
				req.PageToken = strings.TrimRight(req.GetPageToken(), " ")
				resp, err := next()
				if resp.GetNextPageToken() != "" {
					resp.NextPageToken += strings.Repeat(" ", 5<<10)
				}
				return resp, err
			})}},
		{Name: "fears-tokens", About: "Takes a token that it never gave out for a request that is wrong.",
			Breaks: []string{"list-takes-no-harm-from-a-foreign-token"},
			part: part{call: on(func(_ scene, req *pb.ListRequest, next func() (*pb.ListResponse, error)) (*pb.ListResponse, error) {
				resp, err := next()
				if req.GetPageToken() != "" && reasonOf(err) == fault.Internal {
					err = fault.New(fault.AuthFailed, fault.SourceConfig, "who are you?")
				}
				return resp, err
			})}},
		{Name: "same-page", About: "Answers List with the token of the page itself.",
			Breaks: []string{"list-token-is-not-that-of-its-own-page", "list-holds-each-secret-at-least-once"},
			part: part{call: on(func(_ scene, req *pb.ListRequest, next func() (*pb.ListResponse, error)) (*pb.ListResponse, error) {
				resp, err := next()
				if err == nil && req.GetPageToken() != "" {
					resp.NextPageToken, resp.Complete = req.GetPageToken(), false
				}
				return resp, err
			})}},
		{Name: "forgets-tokens", About: "Takes the tokens of its own process only.",
			Breaks: []string{"list-token-outlives-the-process"}, part: forgetsTokens()},
		{Name: "complete-too-early", About: "Calls a listing complete before its last page.",
			Breaks: []string{"list-complete-proves-every-secret"},
			part:   listed(func(r *pb.ListResponse) { r.Complete = true })},
		{Name: "complete-unclaimed", About: "Calls a listing complete without claiming that it can.",
			Breaks: []string{"list-complete-proves-every-secret"},
			part:   info(func(i *pb.GetInfoResponse) { claims(i, pb.Capability_CAPABILITY_LIST_COMPLETE) })},
		{Name: "leaves-out", About: "Leaves a secret out of a listing that it calls complete.",
			Breaks: []string{"list-holds-each-secret-at-least-once"},
			part: listed(func(r *pb.ListResponse) {
				// One of those that the rule's own case looks for, and of no other case.
				n := slices.IndexFunc(r.Items, func(m *pb.Metadata) bool { return strings.Contains(m.Ref, "/list-holds-each-secret-at-least-once/") })
				if n >= 0 {
					r.Items = slices.Delete(r.Items, n, n+1)
				}
			})},
		{Name: "lists-without-version", About: "Lists a secret without its version.",
			Breaks: []string{"version-is-never-empty"},
			part: listed(func(r *pb.ListResponse) {
				for _, m := range r.Items {
					m.Version = ""
				}
			})},
		{Name: "hides-versions", About: "Leaves the oldest version out of their list.",
			Breaks: []string{"listversions-holds-each-version"},
			part: part{call: answer(func(r *pb.ListVersionsResponse) {
				if n := len(r.Items); n > 1 && r.NextPageToken == "" {
					r.Items = r.Items[:n-1]
				}
			})}},
		{Name: "oldest-first", About: "Lists versions with the oldest first.",
			Breaks: []string{"listversions-begins-with-the-newest"},
			part:   part{call: answer(func(r *pb.ListVersionsResponse) { slices.Reverse(r.Items) })}},
		{Name: "empty-history", About: "Answers ListVersions of an absent secret with an empty page.",
			Breaks: []string{"listversions-of-an-absent-secret-is-not-found"},
			part: part{call: on(func(_ scene, _ *pb.ListVersionsRequest, next func() (*pb.ListVersionsResponse, error)) (*pb.ListVersionsResponse, error) {
				resp, err := next()
				if reasonOf(err) == fault.NotFound {
					return &pb.ListVersionsResponse{}, nil
				}
				return resp, err
			})}},
		{Name: "versions-with-long-tags", About: "Lists versions with a tag of 600 bytes.",
			Breaks: []string{"metadata-is-short-text"},
			part: part{call: answer(func(r *pb.ListVersionsResponse) {
				for _, m := range r.Items {
					m.Tags = map[string]string{"note": strings.Repeat("n", 600)}
				}
			})}},
		{Name: "versions-of-another", About: "Answers ListVersions with versions of another ref.",
			Breaks: []string{"listversions-items-have-the-ref-that-was-asked"},
			part: part{call: answer(func(r *pb.ListVersionsResponse) {
				for _, m := range r.Items {
					m.Ref += "/other"
				}
			})}},
	}
}

// forgetsTokens puts the number of the process into its tokens.
func forgetsTokens() part {
	own := strconv.Itoa(os.Getpid()) + "/"
	return part{call: on(func(_ scene, req *pb.ListRequest, next func() (*pb.ListResponse, error)) (*pb.ListResponse, error) {
		token, mine := strings.CutPrefix(req.GetPageToken(), own)
		if !mine && token != "" {
			return nil, fault.New(fault.Internal, fault.SourceHost, "the page token is not one of this listing")
		}
		req.PageToken = token
		resp, err := next()
		if err == nil && resp.NextPageToken != "" {
			resp.NextPageToken = own + resp.NextPageToken
		}
		return resp, err
	})}
}
