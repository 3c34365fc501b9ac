package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// SecretMetadata is all that may be shown of a secret.
type SecretMetadata struct {
	Ref       string            `json:"ref,omitempty" doc:"Absent when the store knows only the name."`
	Name      string            `json:"name" doc:"What the secret is called in the store." example:"im-4dcca9e40db8d988ebd8f907f7449ec4"`
	Version   string            `json:"version"`
	Created   time.Time         `json:"created,omitzero"`
	Updated   time.Time         `json:"updated,omitzero"`
	Expires   time.Time         `json:"expires,omitzero"`
	NotBefore time.Time         `json:"notBefore,omitzero"`
	Disabled  bool              `json:"disabled" doc:"The store would refuse to serve it."`
	Tags      map[string]string `json:"tags,omitempty"`
	Missing   bool              `json:"missing" doc:"Connectors use it and the store has none: there is no version then."`
	Deleted   bool              `json:"deleted" doc:"It is missing because it was deleted, and can be recovered."`
	Store     string            `json:"store" doc:"The secret provider that has it." example:"AzureKeyVault"`
	UsedBy    []SecretUse       `json:"usedBy" nullable:"false" doc:"Connectors whose configuration has the ref, at most 20 of them."`
	Users     int64             `json:"usedByCount" doc:"How many connectors there are whose configuration has the ref."`
	LastUsed  time.Time         `json:"lastUsed,omitzero" doc:"When a run last read it, or tried to; absent before the first."`
	Outcome   *SecretOutcome    `json:"lastOutcome,omitempty" doc:"How that went."`
}

// SecretOutcome is how the last read of a secret by a run went.
type SecretOutcome struct {
	Outcome       string `json:"outcome" doc:"OK, or why it could not be read." example:"ACCESS_DENIED"`
	Message       string `json:"message,omitempty" doc:"What the store or its plugin said."`
	ConnectorID   string `json:"connectorId"`
	ConnectorName string `json:"connectorName"`
	RunID         string `json:"runId"`
}

// SecretUse is a connector that uses a secret.
type SecretUse struct {
	ConnectorID   string `json:"connectorId"`
	ConnectorName string `json:"connectorName"`
}

func (a *API) secretMetadata(m secret.Metadata, use store.SecretUse) SecretMetadata {
	out := SecretMetadata{
		Ref: string(m.Ref), Name: m.Name, Version: string(m.Version), Created: utc(m.Created), Updated: utc(m.Updated),
		Expires: utc(m.Expires), NotBefore: utc(m.NotBefore), Disabled: m.Disabled, Tags: m.Tags, Store: a.Provider.Status().Provider, Users: use.Count,
		UsedBy: all(use.Connectors, func(c store.ConnectorName) SecretUse { return SecretUse{ConnectorID: c.ID, ConnectorName: c.Name} }),
	}
	if last := use.Last; !last.Used.IsZero() {
		out.LastUsed = last.Used.UTC()
		out.Outcome = &SecretOutcome{
			Outcome: last.Outcome, Message: last.Message, ConnectorID: last.Connector.ID, ConnectorName: last.Connector.Name, RunID: last.RunID,
		}
	}
	return out
}

// RefQuery names a secret.
type RefQuery struct {
	Ref string `query:"ref" required:"true" doc:"The secret's ref." example:"secret://ad/svc/password"`
}

type metadataOutput struct {
	ETag string `header:"ETag"`
	Body SecretMetadata
}

// versionTag is the entity tag of a secret's version, which may be any text.
func versionTag(v secret.Version) string {
	if v == "" {
		return ""
	}
	return `"` + url.PathEscape(string(v)) + `"`
}

func (a *API) secrets() {
	const all = "/api/secrets"
	register(a, authz.SecretsRead, huma.Operation{
		OperationID: "list-secrets", Method: http.MethodGet, Path: all, Tags: []string{tagSecrets},
		Summary: "List the secrets of the store and those that connectors lack",
		Description: "In the store's own order, those that connectors use and the store lacks come last. Filters look at some pages of the store at a time: a page may have " +
			"fewer items than the limit, even none, and still not be the last. For any other order all of the store is read, which is refused for more than 2,000 secrets.",
	}, a.listSecrets)
	register(a, authz.SecretsRead, huma.Operation{
		OperationID: "describe-secret", Method: http.MethodGet, Path: all + "/describe", Tags: []string{tagSecrets},
		Summary: "Read what may be shown of a secret",
	}, a.describeSecret)
	registerChange(a, authz.SecretsWrite, "secrets.set", huma.Operation{
		OperationID: "set-secret", Method: http.MethodPut, Path: all, Tags: []string{tagSecrets},
		Summary: "Store a secret's value", Description: "Setting a ref again rotates it: the next run of every connector that uses it reads the new value.",
	}, a.setSecret)
	takes[SecretInput](a, http.MethodPut, all)
	registerChange(a, authz.SecretsDelete, "secrets.delete", huma.Operation{
		OperationID: "delete-secret", Method: http.MethodDelete, Path: all, Tags: []string{tagSecrets},
		Summary: "Delete a secret", Description: "Where the store has soft delete, it can be recovered. Connectors that use it will fail.",
	}, a.deleteSecret)
	a.secretVersions()
}

// uses returns who uses those secrets, by the name in the store.
func (a *API) uses(ctx context.Context, list ...secret.Metadata) (map[string]store.SecretUse, error) {
	names := make([]string, 0, len(list))
	for _, m := range list {
		names = append(names, usedName(m))
	}
	return a.Store.UsesOf(ctx, names)
}

// usedName is the name under which the use of a secret is kept; stores may call a
// secret something else that was not set by this product.
func usedName(m secret.Metadata) string {
	if m.Ref == "" {
		return m.Name
	}
	return naming.Name(string(m.Ref))
}

func (in RefQuery) parse() (secret.Ref, error) {
	ref, err := secret.ParseRef(in.Ref)
	if err != nil {
		return "", problem.Invalid(problem.Item{Path: "query:ref", Message: err.Error()})
	}
	return ref, nil
}

func (a *API) describeSecret(ctx context.Context, in *RefQuery) (*metadataOutput, error) {
	ref, err := in.parse()
	if err != nil {
		return nil, err
	}
	m, err := a.Secrets.Describe(ctx, ref)
	if err != nil {
		return nil, err
	}
	uses, err := a.uses(ctx, m)
	if err != nil {
		return nil, err
	}
	return &metadataOutput{versionTag(m.Version), a.secretMetadata(m, uses[usedName(m)])}, nil
}

// setSecret keeps the value in two buffers, the body and what was read from it,
// and wipes both. What encoding the call to the plugin and the kernel's buffers
// hold is beyond reach.
func (a *API) setSecret(ctx context.Context, in *struct {
	IfMatch     string `header:"If-Match" doc:"The ETag that reading the secret returned, to store only if it is still at that version; where the store can check that. Without it, or with *, it is set whatever is there."`
	IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"Store only if there is none; where the store can check that."`
	Payload
}) (c change[metadataOutput], err error) {
	req, err := secretRequest(in.Payload)
	if err == nil {
		err = conditions(&req, in.IfMatch, in.IfNoneMatch)
	}
	c.release = func() {
		in.wipe()
		req.Value.Wipe()
	}
	if err != nil {
		return c, err
	}
	uses, err := a.uses(ctx, secret.Metadata{Ref: req.Ref})
	if err != nil {
		return c, err
	}
	c.target, c.wanted = string(req.Ref), auditedSecret(secret.Metadata{Expires: req.Expires, Tags: req.Tags})
	if c.before, err = a.secretBefore(ctx, req.Ref); fault.Is(err, fault.NotFound, fault.Deleted) {
		c.before = nil
	}
	c.do = func(ctx context.Context) (d done[metadataOutput], err error) {
		m, err := a.Secrets.Set(ctx, req)
		if in.IfMatch+in.IfNoneMatch != "" && fault.Is(err, fault.VersionConflict, fault.AlreadyExists) {
			return d, changed()
		}
		if err != nil {
			return d, writeProblem(err)
		}
		a.Logger.InfoContext(ctx, "secret set", telemetry.KeyRef, string(req.Ref), "operator", authz.From(ctx).Name, "request_id", problem.RequestID(ctx))
		return done[metadataOutput]{answer: &metadataOutput{versionTag(m.Version), a.secretMetadata(m, uses[usedName(m)])}, after: auditedSecret(m)}, nil
	}
	return c, nil
}

// conditions adds to a request what its headers say about the version. A tag that
// is none of ours can match no version.
func conditions(req *provider.SetRequest, ifMatch, ifNoneMatch string) error {
	ifMatch = strings.TrimSpace(ifMatch)
	if ifMatch == "*" {
		ifMatch = ""
	}
	if ifMatch == "" && ifNoneMatch == "" {
		return nil
	}
	if req.Expected != nil || ifMatch != "" && ifNoneMatch != "" {
		return problem.Invalid(problem.Item{Path: "header:If-Match", Message: "give one of If-Match, If-None-Match and expectedVersion"})
	}
	version := secret.Version("")
	if ifMatch != "" {
		text, quoted := strings.CutPrefix(strings.TrimSuffix(ifMatch, `"`), `"`)
		text, err := url.PathUnescape(text)
		if !quoted || err != nil || text == "" {
			return changed()
		}
		version = secret.Version(text)
	}
	req.Expected = &version
	return nil
}

func (a *API) deleteSecret(ctx context.Context, in *struct {
	RefQuery
	IfMatch string `header:"If-Match" doc:"The ETag that reading the secret returned; it is compared before the secret is deleted, because stores cannot do both at once. Without it, or with *, it is deleted whatever is there."`
}) (c change[struct{}], err error) {
	ref, err := in.parse()
	if err != nil {
		return c, err
	}
	if tag := strings.TrimSpace(in.IfMatch); tag != "" && tag != "*" {
		m, err := a.Secrets.Describe(ctx, ref)
		if err != nil {
			return c, err
		}
		if versionTag(m.Version) != tag {
			return c, changed()
		}
	}
	// What the store does not know could be anything, a value too, and has no place
	// in the audit log.
	if c.before, err = a.secretBefore(ctx, ref); fault.Is(err, fault.NotFound, fault.Deleted, fault.InvalidRef) {
		return c, err
	}
	c.target = string(ref)
	c.do = func(ctx context.Context) (d done[struct{}], err error) {
		if err := a.Secrets.Delete(ctx, ref); err != nil {
			return d, writeProblem(err)
		}
		a.Logger.InfoContext(ctx, "secret deleted", telemetry.KeyRef, string(ref), "operator", authz.From(ctx).Name, "request_id", problem.RequestID(ctx))
		return d, nil
	}
	return c, nil
}

// describeLimit is how long a change of a secret waits for how it was before.
const describeLimit = 5 * time.Second

// secretBefore returns what the audit log keeps of a secret as it is now, or the
// reason why that is not known, which need not keep it from being changed: an
// identity may have the right to write and not to read.
func (a *API) secretBefore(ctx context.Context, ref secret.Ref) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, describeLimit)
	defer cancel()
	m, err := a.Secrets.Describe(ctx, ref)
	if err != nil {
		return map[string]string{"unknown": fault.Of(err).String()}, err
	}
	return auditedSecret(m), nil
}

// auditedSecret is what the audit log keeps of a secret: of tags their names, in
// case somebody put into one what does not belong there.
func auditedSecret(m secret.Metadata) any {
	return struct {
		Name    string    `json:"name,omitempty"`
		Version string    `json:"version,omitempty"`
		Updated time.Time `json:"updated,omitzero"`
		Expires time.Time `json:"expires,omitzero"`
		Tags    []string  `json:"tags,omitempty"`
	}{m.Name, string(m.Version), utc(m.Updated), utc(m.Expires), slices.Sorted(maps.Keys(m.Tags))}
}

// writeProblem adds to an outcome that is not known what to do about it.
func writeProblem(err error) error {
	p := secretProblem(err)
	if p == nil {
		return err
	}
	if errors.Is(err, context.Canceled) || p.Status == http.StatusGatewayTimeout || p.Status == http.StatusServiceUnavailable {
		p.Detail += ". It may have been done all the same: describe the secret and compare its version before trying again"
	}
	return p
}
