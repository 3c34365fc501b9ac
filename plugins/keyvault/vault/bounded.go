package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// The SDK reads every answer whole and prints a refusal whole, however large.
const (
	// maxAnswerBytes of a success: a page of 25 entries with all their tags has a
	// good half of it.
	maxAnswerBytes = 1 << 20
	// maxRefusalBytes are read of anything else, to find the codes in it.
	maxRefusalBytes = 64 << 10
	// maxKeptBytes of it are kept and printed.
	maxKeptBytes = 4 << 10
	// maxHeaderBytes are read of all the headers of one answer.
	maxHeaderBytes = 64 << 10
	// maxNesting is far beyond every refusal of the service. Deeper ones would be
	// printed with their indentation, many times their own size.
	maxNesting = 16
)

// boundedTransport ends answers that are too large for what they claim to be, and
// keeps redirects from going anywhere.
type boundedTransport struct{ *http.Transport }

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.Transport.RoundTrip(r)
	if err != nil {
		return response, err
	}
	// Where a redirect leads is nobody's business; one that leads to no address would
	// be an error of the network to the standard library, and be tried again.
	response.Header.Del("Location")
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		response.Body = &boundedBody{ReadCloser: response.Body, left: maxAnswerBytes}
	} else {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxRefusalBytes), response.Body}
	}
	return response, nil
}

// boundedBody fails once more than left bytes were read.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, &tooLargeError{}
	}
	return n, err
}

// tooLargeError is final: the next answer would be as large.
type tooLargeError struct{}

func (*tooLargeError) Error() string {
	return fmt.Sprintf("the answer has more than %d bytes", maxAnswerBytes)
}
func (*tooLargeError) NonRetriable() {}

// shorten makes the body of a refusal small enough to be kept and printed, and
// returns the codes in it. Of a refusal in the service's form the codes stay whole,
// whatever stands between them.
func shorten(response *http.Response) (outer, inner string, err error) {
	body, err := runtime.Payload(response)
	if err != nil {
		return "", "", err
	}
	outer, inner = codesIn(body)
	if len(body) <= maxKeptBytes && nesting(body) <= maxNesting {
		return outer, inner, nil
	}
	short := cut("cut: " + string(body)) // no longer JSON, so that it is not indented
	if outer != "" && len(outer)+len(inner) < maxNameBytes {
		a := answer{}
		a.Error.Code, a.Error.Message = outer, cut(readAnswer(body).Error.Message)
		if inner != "" {
			a.Error.Inner = &innerCode{Code: inner}
		}
		again, err := json.Marshal(a)
		if err == nil && len(again) > maxKeptBytes { // of characters that JSON writes as six
			a.Error.Message = "[...]"
			again, err = json.Marshal(a)
		}
		if err == nil {
			short = string(again)
		}
	}
	response.Body = io.NopCloser(strings.NewReader(short))
	return outer, inner, nil
}

// maxNameBytes is longer than the codes and the request id of every answer.
const maxNameBytes = 256

func cut(text string) string {
	if len(text) <= maxKeptBytes/2 {
		return text
	}
	return strings.ToValidUTF8(text[:maxKeptBytes/2], "") + " [...]"
}

// nesting is at least as deep as any JSON in body.
func nesting(body []byte) int {
	return bytes.Count(body, []byte("{")) + bytes.Count(body, []byte("["))
}

// answer is the body of a refusal. The code that tells what is wrong is the
// innermost one; the SDK shows only the outer one.
type answer struct {
	Error struct {
		Code    string     `json:"code"`
		Message string     `json:"message"`
		Inner   *innerCode `json:"innererror,omitempty"`
	} `json:"error"`
}

type innerCode struct {
	Code  string     `json:"code"`
	Inner *innerCode `json:"innererror,omitempty"`
}

// readAnswer reads as much as has the service's form, nothing of what is no JSON.
func readAnswer(body []byte) answer {
	var a answer
	_ = json.Unmarshal(body, &a) // fields of another type are left out
	return a
}

// codesIn returns the outer and the innermost code, empty where there is none.
func codesIn(body []byte) (outer, inner string) {
	a := readAnswer(body)
	for i := a.Error.Inner; i != nil; i = i.Inner {
		if i.Code != "" {
			inner = i.Code
		}
	}
	return a.Error.Code, inner
}

// codesOf returns the codes of a refusal.
func codesOf(refused *azcore.ResponseError) (outer, inner string) {
	if refused.RawResponse == nil {
		return refused.ErrorCode, ""
	}
	body, err := runtime.Payload(refused.RawResponse)
	if err != nil {
		return "", ""
	}
	return codesIn(body)
}
