package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// A client that does not know whether a request that creates something arrived
// sends it again with the same Idempotency-Key, and it is carried out once: as
// draft-ietf-httpapi-idempotency-key-header has it. What makes that hold when the
// process dies in between is that the id of what is created is noted before
// anything is done: whoever tries again makes the same thing, or finds it.

const (
	idempotencyKey = "Idempotency-Key"
	// replayed is the header of an answer that was given before.
	replayed = "Idempotency-Replayed"
	// onceLimit is how long noting a request may take.
	onceLimit = 10 * time.Second
)

// kept says what is kept of a creation's answer.
type kept bool

const (
	wholeAnswer kept = true
	// noAnswer is for answers that hold a secret.
	noAnswer kept = false
)

// registerCreate adds an operation that creates something; see [registerChange]. Its
// do takes the id of what it creates from [newID].
func registerCreate[I, O any](a *API, needs authz.Permission, action string, op huma.Operation, keep kept, plan func(context.Context, *I) (change[O], error)) {
	longest := maxKey
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: idempotencyKey, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &longest},
		Description: "Any text of up to 255 visible characters that no other request has, such as a UUID. For 24 hours the same request with the same key is carried out once " +
			"and answered as it was the first time, with the header Idempotency-Replayed.",
	})
	op.Middlewares = append(op.Middlewares, withOnce)
	carryOut := carryOut(a, action, plan)
	add(a, needs, op, func(ctx context.Context, in *I) (*O, error) {
		return once(ctx, a, op.OperationID, in, keep, carryOut)
	})
}

const maxKey = 255

// request is what of a request that creates something its handler does not see.
type request struct {
	key, path string
	setHeader func(name, value string)
	// id is of what is to be created.
	id string
}

type requestKey struct{}

func withOnce(ctx huma.Context, next func(huma.Context)) {
	next(huma.WithValue(ctx, requestKey{}, &request{key: ctx.Header(idempotencyKey), path: ctx.URL().Path, setHeader: ctx.SetHeader}))
}

// newID returns the id of what a request creates, empty for any.
func newID(ctx context.Context) string {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r.id
	}
	return ""
}

func once[I, O any](ctx context.Context, a *API, operation string, in *I, keep kept, carryOut func(context.Context, *I) (*O, error)) (*O, error) {
	r, _ := ctx.Value(requestKey{}).(*request)
	if r == nil || r.key == "" {
		return carryOut(ctx, in)
	}
	want, err := r.once(ctx, operation, in)
	if err != nil {
		return nil, err
	}
	is, mine, err := a.Store.BeginOnce(ctx, want)
	switch {
	case err != nil:
		return nil, err
	case is.Fingerprint != want.Fingerprint:
		return nil, problem.New(http.StatusUnprocessableEntity, "idempotency-key-reused", "Another request was sent with this Idempotency-Key; take a new one for each request.")
	case is.Done && keep == noAnswer:
		return nil, problem.New(http.StatusConflict, "idempotency-answer-gone",
			"This request was carried out before. Its answer held a secret, which is shown once and not kept; delete what it created and create it anew with another Idempotency-Key.")
	case is.Done:
		out := new(O)
		if err := json.Unmarshal([]byte(is.Answer), out); err != nil {
			return nil, err
		}
		r.setHeader(replayed, "true")
		return out, nil
	case !mine:
		p := problem.New(http.StatusConflict, "idempotency-under-way", "The same request is being carried out; ask again in a moment.")
		p.RetryAfterSeconds = 1
		return nil, p
	}
	r.id = is.ResourceID
	out, err := carryOut(ctx, in)
	a.settle(ctx, is, keep, out, err)
	return out, err
}

// once returns what is noted of a request.
func (r *request) once(ctx context.Context, operation string, in any) (store.Once, error) {
	key := strings.TrimSpace(r.key)
	if len(key) > 1 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) { // as a structured field has it
		key = key[1 : len(key)-1]
	}
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c < '!' || c > '~' }) {
		return store.Once{}, problem.Invalid(problem.Item{Path: "header:" + idempotencyKey, Message: "expected 1 to 255 visible characters"})
	}
	var body []byte
	if p, ok := in.(interface{ content() []byte }); ok {
		body = p.content()
	}
	who := authz.From(ctx).String()
	hash := sha256.Sum256([]byte(who + "\x00" + operation + "\x00" + key))
	// Keyed with what only the client knows, it tells nothing of the body.
	print := hmac.New(sha256.New, []byte(key))
	print.Write([]byte(r.path + "\x00"))
	print.Write(body)
	return store.Once{KeyHash: hex.EncodeToString(hash[:]), Operation: operation, Principal: who, Fingerprint: hex.EncodeToString(print.Sum(nil))}, nil
}

// settle notes how a request went. Failing to is no reason to tell the client
// otherwise: whoever asks again finds what was created by its id.
func (a *API) settle(ctx context.Context, is store.Once, keep kept, out any, failure error) {
	quiet, cancel := context.WithTimeout(context.WithoutCancel(ctx), onceLimit)
	defer cancel()
	var err error
	if failure != nil {
		// What is refused was not done; what failed may have been.
		err = a.Store.LeaveOnce(quiet, is, a.problem(ctx, failure).Status < http.StatusInternalServerError)
	} else {
		var answer []byte
		if keep == wholeAnswer {
			answer, err = json.Marshal(out)
		}
		if err == nil {
			err = a.Store.EndOnce(quiet, is, string(answer))
		}
	}
	if err != nil {
		a.Logger.ErrorContext(ctx, "how a request with an Idempotency-Key went could not be noted", telemetry.KeyError, err, "request_id", problem.RequestID(ctx))
	}
}
