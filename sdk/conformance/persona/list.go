package persona

import (
	"fmt"
	"os"
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
		{Name: "long-token", About: "Answers List with a token of 5 KiB.",
			Breaks: []string{"list-token-is-short-text"},
			part: listed(func(r *pb.ListResponse) {
				if r.NextPageToken != "" {
					r.NextPageToken = strings.Repeat("t", 5<<10)
				}
			})},
		{Name: "same-page", About: "Answers List with the token of the page itself.",
			Breaks: []string{"list-token-is-not-that-of-its-own-page"},
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
			Breaks: []string{"list-holds-each-secret-at-least-once", "list-complete-proves-every-secret"},
			part: listed(func(r *pb.ListResponse) {
				if n := len(r.Items); n > 0 && r.NextPageToken == "" {
					r.Items = r.Items[:n-1]
				}
			})},
		{Name: "lists-without-version", About: "Lists a secret without its version.",
			Breaks: []string{"version-is-never-empty"},
			part: listed(func(r *pb.ListResponse) {
				for _, m := range r.Items {
					m.Version = ""
				}
			})},
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
