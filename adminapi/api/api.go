// Package api is the Admin API's REST operations and their OpenAPI 3.1 document:
// connectors, their schedules and objects, secrets, runs, the state of the product
// and the record of what was changed. No operation returns a secret's value, and nothing here holds a way
// to one: passwords are tried by the engine, which the operations reach only
// through the database.
//
// Who calls is package authn's concern, what surrounds a request package front's;
// each operation names the permission that it needs. Start reading at [New]; each
// file has the operations on one thing.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/identitymesh/identitymesh/adminapi/authn"
	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/live"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Secrets changes secrets and shows what may be shown.
type Secrets interface {
	SecretReader
	SecretWriter
}

// SecretReader shows secrets.
type SecretReader interface {
	Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error)
	List(ctx context.Context, req provider.ListRequest) (secret.Page, error)
	ListVersions(ctx context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error)
}

// SecretWriter changes secrets.
type SecretWriter interface {
	Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error)
	Delete(ctx context.Context, ref secret.Ref) error
	Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error)
	Purge(ctx context.Context, ref secret.Ref) error
}

// Provider is the secret provider in force.
type Provider interface {
	Status() host.Status
	Info(ctx context.Context) (facade.Info, error)
	Check(ctx context.Context) (provider.CheckReport, error)
}

// Config of the operations.
type Config struct {
	Store    *store.Store
	Kinds    connector.Kinds
	Secrets  Secrets
	Provider Provider
	// Problems returns what an operator must look at beside what the operations see;
	// may be nil.
	Problems func() []string
	// Audit records every change before it is made. Heads reads the ends of its chains
	// that were written elsewhere, nil for none; may be nil.
	Audit *audit.Log
	Heads func() (*audit.Heads, error)
	// Tokens and Sessions sign operators in. SignInWays are the ways for browsers
	// beside tokens, and SignIns counts the failures of all.
	Tokens     *authn.Tokens
	Sessions   *authn.Sessions
	SignInWays []SignInWay
	SignIns    *authn.Lockout
	// Reload replaces the provider by what the configuration says now; trigger says
	// who asked.
	Reload func(ctx context.Context, trigger string) error
	// Plugins are the providers that the configuration could choose, and Settings
	// the configuration in force.
	Plugins  Plugins
	Settings func() *appsettings.Settings
	Logger   *slog.Logger
	Now      func() time.Time
	// Self is this process as it registered itself, Build the build of it, System
	// the operating system in words. UI says that the Admin UI is part of it.
	Self   store.Instance
	Build  buildinfo.Info
	System string
	UI     bool
	// Metrics shows the metrics of the process.
	Metrics http.Handler
	// Streams of events; NewID makes ids that never repeat.
	Streams Streams
	NewID   func() string
	// Version of the program.
	Version string
	// TestWait is how long a test of a connector waits for its outcome, and
	// TestPoll how often it looks.
	TestWait, TestPoll time.Duration
}

// API has the operations.
type API struct {
	Config
	huma      huma.API
	inspected *inspections
	checks    *checks
	whole     wholeReads
	live      *live.Broadcaster
	hours     *hours
	// unrecorded are operations that could change something without a record.
	unrecorded []error
	public     []string
}

// Public returns the patterns of the operations that need no sign-in.
func (a *API) Public() []string { return a.public }

// bearer and session are the names of the security schemes.
const bearer, session = "token", "session"

// New adds the operations and their document to mux. Call [API.Close] in the end, or
// streams of events keep the server from stopping.
func New(mux *http.ServeMux, c Config) (*API, error) {
	a := &API{Config: c, inspected: &inspections{turn: make(chan struct{}, 1)}, checks: &checks{now: c.Now}, whole: make(wholeReads, mostWholeReads)}
	a.live = a.newLive()
	a.hours = newHours(func(ctx context.Context, from, to time.Time, visit func(store.FinishedRun)) error {
		return c.Store.EachFinished(ctx, "", from, to, visit)
	})
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "IdentityMesh Admin API", Version: c.Version,
			Description: "Manages connectors, secrets, schedules and runs. No operation returns a secret's value. " +
				"Every error is an RFC 9457 problem whose type is stable.",
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				bearer: {Type: "http", Scheme: "bearer", Description: "An API token; the first one is in the file admin-token in the data folder."},
				session: {
					Type: "apiKey", In: "cookie", Name: a.Sessions.CookieName(),
					Description: "The session of a browser, which POST /api/session begins. It counts for the Admin API's own pages only.",
				},
			},
		},
		Tags: []*huma.Tag{
			{Name: tagConnectors, Description: "Connected systems and what was imported from them."},
			{Name: tagSchedules, Description: "When connectors run by themselves."},
			{Name: tagRuns, Description: "What ran, what runs and what is to run."},
			{Name: tagObjects, Description: "What was imported."},
			{Name: tagSecrets, Description: "Secrets by their refs; values go in and never come out."},
			{Name: tagStatus, Description: "The processes of the product and the secret provider in force."},
			{Name: tagSignIn, Description: "Who is signed in, API tokens, and what each role may do."},
			{Name: tagAudit, Description: "Who changed what, as a chain of records that shows whether somebody changed it."},
		},
	}
	a.huma = humago.New(mux, huma.Config{
		OpenAPI: document,
		Formats: map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},

		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{a.toProblem},
	})
	a.huma.UseMiddleware(withAddress)
	a.connectors()
	a.schedules()
	a.runs()
	a.secrets()
	a.status()
	a.reload()
	a.instances()
	a.plugins()
	a.settings()
	a.about()
	a.attention()
	a.statistics()
	a.events()
	a.metrics()
	a.migrations()
	a.audit()
	a.sessions()
	a.tokens()
	if err := errors.Join(a.unrecorded...); err != nil {
		return nil, err
	}
	// The framework describes its own errors too; ours replace them in every answer.
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} {
		delete(document.Components.Schemas.Map(), unused)
	}
	if err := a.serveDocument(mux); err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	a.health(mux)
	return a, nil
}

const (
	tagConnectors = "Connectors"
	tagSchedules  = "Schedules"
	tagRuns       = "Runs"
	tagSecrets    = "Secrets"
	tagStatus     = "Status"
	tagAudit      = "Audit"
	tagSignIn     = "Sign-in"
	tagObjects    = "Objects"
)

func (a *API) serveDocument(mux *http.ServeMux) error {
	inJSON, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		return err
	}
	inYAML, err := a.huma.OpenAPI().YAML()
	if err != nil {
		return err
	}
	serve := func(mediaType string, content []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			w.Header().Set("Cache-Control", "no-cache")
			_, _ = w.Write(content) // the client left; nobody can be told
		}
	}
	mux.HandleFunc("GET /openapi.json", serve("application/openapi+json", inJSON))
	mux.HandleFunc("GET /openapi.yaml", serve("application/openapi+yaml", inYAML))
	return nil
}

// register adds an operation that only reads; see [registerChange] for the others.
func register[I, O any](a *API, needs authz.Permission, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	if op.Method != http.MethodGet {
		a.unrecorded = append(a.unrecorded, fmt.Errorf("%s %s may change something and is not recorded in the audit log", op.Method, op.Path))
	}
	add(a, needs, op, handle)
}

// permissionExtension is where the document says which permission an operation
// needs.
const permissionExtension = "x-identitymesh-permission"

// add adds an operation whose errors become problems. Who lacks the permission
// hears so before anything of the request is read.
func add[I, O any](a *API, needs authz.Permission, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	if needs == public {
		op.Security = []map[string][]string{}
		a.public = append(a.public, op.Method+" "+op.Path)
	} else {
		op.Security = []map[string][]string{{bearer: {}}, {session: {}}}
		op.Extensions = map[string]any{permissionExtension: string(needs)}
		op.Middlewares = append(op.Middlewares, a.permitted(needs))
	}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = &huma.Response{
		Description: "What went wrong, as a problem.",
		Content:     map[string]*huma.MediaType{problem.MediaType: {Schema: schemaOf[problem.Problem](a)}},
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		ctx, cancel := context.WithTimeout(ctx, requestLimit)
		defer cancel()
		if body, ok := any(in).(interface{ receive() }); ok {
			body.receive()
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// requestLimit is how long an operation may take to decide on its answer, less than
// the server's limit for writing it. Streams go on after that.
const requestLimit = 80 * time.Second

// permitted lets only those through who have the permission.
func (a *API) permitted(needs authz.Permission) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if err := a.lacks(ctx.Context(), needs); err != nil {
			r, w := humago.Unwrap(ctx)
			problem.Write(w, r, err.(*problem.Problem))
			return
		}
		next(ctx)
	}
}

// lacks returns a problem when who makes the request lacks the permission.
func (a *API) lacks(ctx context.Context, needs authz.Permission) error {
	p := authz.From(ctx)
	if p.May(needs) {
		return nil
	}
	a.Logger.WarnContext(ctx, "a request lacks the permission", "operator", p.String(), "role", string(p.Role),
		"permission", string(needs), "request_id", problem.RequestID(ctx))
	return problem.New(http.StatusForbidden, "permission-missing",
		fmt.Sprintf("This needs the permission %s, which %s with the role %s lacks; an administrator can give it.", needs, p, p.Role))
}

// problem turns any error into one for the client. What is not foreseen is a
// line in the log, because its text may be of no use to the client.
func (a *API) problem(ctx context.Context, err error) *problem.Problem {
	var known *problem.Problem
	if errors.As(err, &known) {
		return known
	}
	if p := secretProblem(err); p != nil {
		return p
	}
	if ctx.Err() != nil {
		return problem.New(http.StatusServiceUnavailable, "cancelled", "The request was given up before it was done.")
	}
	a.Logger.ErrorContext(ctx, "a request failed", telemetry.KeyError, err, "request_id", problem.RequestID(ctx))
	if errors.As(err, new(*productdb.UnknownOutcomeError)) {
		return problem.New(http.StatusServiceUnavailable, "outcome-unknown",
			"The connection to the product database ended while the change was being committed: all of it was made, or nothing. Load it again before you repeat it.")
	}
	if productdb.IsUnavailable(err) {
		return databaseUnavailable()
	}
	return problem.New(http.StatusInternalServerError, "internal",
		"The request failed inside the Admin API or its database; the log has the details under this request id.")
}
