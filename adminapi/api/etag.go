package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/identitymesh/identitymesh/adminapi/problem"
)

// etag is the entity tag of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// matched returns the version that a change is meant for, which must be the
// current one. A change without the header would overwrite blindly.
func matched(ifMatch string, current int64) (int64, error) {
	ifMatch = strings.TrimSpace(ifMatch)
	if ifMatch == "" {
		return 0, problem.New(http.StatusPreconditionRequired, "precondition-required",
			"Send the header If-Match with the ETag that reading it returned, so that nobody else's change is lost; * overwrites whatever is there.")
	}
	if ifMatch == "*" {
		return current, nil
	}
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if strings.TrimSpace(tag) == etag(current) {
			return current, nil
		}
	}
	return 0, changed()
}

// matchedIfGiven is matched for what may also be changed blindly; the version is 0
// for any then.
func matchedIfGiven(ifMatch string, current int64) (int64, error) {
	if text := strings.TrimSpace(ifMatch); text == "" || text == "*" {
		return 0, nil
	}
	return matched(ifMatch, current)
}

// changed is the problem of a change that is based on an old state.
func changed() *problem.Problem {
	return problem.New(http.StatusPreconditionFailed, "changed-meanwhile",
		"It was changed since it was read; read it again and decide anew.")
}
