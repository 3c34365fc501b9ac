package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/front"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// Payload is the body of a request, in a buffer of its own so that it can be
// wiped: the framework would read it into one that is shared and keep copies.
type Payload struct {
	request *http.Request
	bytes   []byte
	refused *problem.Problem
}

// Resolve keeps the request; the framework calls it.
func (p *Payload) Resolve(ctx huma.Context) []error {
	p.request, _ = humago.Unwrap(ctx)
	return nil
}

// receive reads the body. It is not done before all else of the request is good: who
// wipes it is not called otherwise.
func (p *Payload) receive() { p.bytes, p.refused = read(p.request) }

// content returns the body.
func (p *Payload) content() []byte { return p.bytes }

// maxStrangerBytes is the largest body of who is not signed in: a token has less.
// The whole of a body is held in memory, and strangers may send many at once.
const maxStrangerBytes = 8 << 10

func (p *Payload) wipe() { clear(p.bytes[:cap(p.bytes)]) }

func read(r *http.Request) ([]byte, *problem.Problem) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, problem.New(http.StatusUnsupportedMediaType, "not-json", "Send JSON with the header Content-Type: application/json.")
	}
	most := int64(front.MaxBodyBytes)
	if authz.From(r.Context()).Kind == "" {
		most = maxStrangerBytes
	}
	size := r.ContentLength
	if size < 0 || size > most {
		size = most
	}
	// One byte more, so that the end is seen without a second buffer.
	buffer := make([]byte, size+1)
	n, err := io.ReadFull(r.Body, buffer)
	var large *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &large):
		clear(buffer)
		return nil, problem.New(http.StatusRequestEntityTooLarge, "body-too-large",
			fmt.Sprintf("The body may have at most %d bytes.", most))
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		clear(buffer)
		return nil, problem.New(http.StatusBadRequest, "body-incomplete", "The body ended early or came too slowly; send it again.")
	}
	return buffer[:n], nil
}

// unparsable says where the JSON is wrong without repeating any of it.
func unparsable(err error) *problem.Problem {
	where := ""
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		where = fmt.Sprintf(" at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		where = fmt.Sprintf(" at byte %d", kind.Offset)
	}
	return problem.New(http.StatusBadRequest, "malformed-json", "The body is not valid JSON"+where+".")
}

// decode reads the payload as a T and adds what check finds in it to what its
// schema says is wrong, so that a client sees all problems at once.
func decode[T any](a *API, p Payload, check func(T) diag.List) (T, error) {
	var out T
	if p.refused != nil {
		return out, p.refused
	}
	var tree any
	if err := json.Unmarshal(p.bytes, &tree); err != nil {
		return out, unparsable(err)
	}
	items := a.schemaProblems(schemaOf[T](a), tree)
	if err := json.Unmarshal(p.bytes, &out); err == nil {
		items = appendNew(items, itemsOfDiag(check(out)))
	} else if len(items) == 0 {
		return out, unparsable(err)
	}
	if len(items) > 0 {
		return out, problem.Invalid(items...)
	}
	return out, nil
}

// schemaProblems returns what the schema of a body says is wrong. What is missing
// has the path of its own key, where the framework has the path of the object.
func (a *API) schemaProblems(ref *huma.Schema, tree any) (items []problem.Item) {
	registry := a.huma.OpenAPI().Components.Schemas
	schema := registry.SchemaFromRef(ref.Ref)
	if object, ok := tree.(map[string]any); ok {
		for _, key := range schema.Required {
			if _, given := object[key]; !given {
				items = append(items, problem.Item{Path: key, Message: "required"})
			}
		}
	}
	missing := len(items) > 0
	var found huma.ValidateResult
	huma.Validate(registry, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, tree, &found)
	for _, item := range itemsOf(found.Errors) {
		if item.Path != "" || !missing {
			items = append(items, item)
		}
	}
	return items
}

// appendNew adds what is about other keys than those that have a problem already.
func appendNew(items, more []problem.Item) []problem.Item {
	known := map[string]bool{}
	for _, i := range items {
		known[i.Path] = true
	}
	for _, i := range more {
		if !known[i.Path] {
			items = append(items, i)
		}
	}
	return items
}

func itemsOfDiag(list diag.List) []problem.Item {
	var items []problem.Item
	for _, d := range list.Errors() {
		items = append(items, problem.Item{Path: d.Path, Message: d.Summary, Detail: d.Detail})
	}
	return items
}

// itemsOf leaves out the values that the framework would repeat.
func itemsOf(errs []error) []problem.Item {
	var items []problem.Item
	for _, err := range errs {
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			detail := d.ErrorDetail()
			items = append(items, problem.Item{Path: colons(detail.Location), Message: detail.Message})
		}
	}
	return items
}

// sayTimes says of parameters that are to be times what is expected: the framework's
// words are for who knows Go.
func sayTimes(items []problem.Item, parameters []*huma.Param) {
	for _, p := range parameters {
		for i := range items {
			if items[i].Path == p.In+":"+p.Name && p.Schema.Format == "date-time" {
				items[i].Message = timeExpected
			}
		}
	}
}

// colons turns a.b[3] into a:b:3, the form of all our paths.
func colons(location string) string {
	return strings.NewReplacer(".", ":", "[", ":", "]", "").Replace(location)
}

// toProblem replaces the framework's errors, and stamps ours.
func (a *API) toProblem(ctx huma.Context, _ string, v any) (any, error) {
	var p problem.Problem
	switch e := v.(type) {
	case *problem.Problem:
		p = *e
	case *huma.ErrorModel:
		p = *problem.New(e.Status, strings.ReplaceAll(strings.ToLower(http.StatusText(e.Status)), " ", "-"), e.Detail)
		var errs []error
		for _, d := range e.Errors {
			errs = append(errs, d)
		}
		items := itemsOf(errs)
		sayTimes(items, ctx.Operation().Parameters)
		if e.Status == http.StatusUnprocessableEntity {
			p = *problem.Invalid(items...)
		} else {
			p.Errors = items
		}
	default:
		return v, nil
	}
	p.RequestID = problem.RequestID(ctx.Context())
	if wait := p.RetryAfter(); wait != "" {
		ctx.SetHeader("Retry-After", wait)
	}
	return &p, nil
}

// schemaOf returns the schema of T, which it registers.
func schemaOf[T any](a *API) *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// takes documents that an operation's body is a T. It is for after the operation
// was registered: else the framework would read the body itself.
func takes[T any](a *API, method, path string) {
	item := a.huma.OpenAPI().Paths[path]
	op := map[string]*huma.Operation{http.MethodPost: item.Post, http.MethodPut: item.Put}[method]
	op.RequestBody = &huma.RequestBody{
		Required: true,
		Content:  map[string]*huma.MediaType{"application/json": {Schema: schemaOf[T](a)}},
	}
}
