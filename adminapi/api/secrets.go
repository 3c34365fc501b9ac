package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
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
	UsedBy    []SecretUse       `json:"usedBy" nullable:"false" doc:"The connectors whose configuration has the ref."`
}

// SecretUse is a connector that uses a secret.
type SecretUse struct {
	ConnectorID   string `json:"connectorId"`
	ConnectorName string `json:"connectorName"`
}

func secretMetadata(m secret.Metadata, uses map[string]store.SecretUse) SecretMetadata {
	use := uses[usedName(m)]
	return SecretMetadata{
		Ref: string(m.Ref), Name: m.Name, Version: string(m.Version), Created: utc(m.Created), Updated: utc(m.Updated),
		Expires: utc(m.Expires), NotBefore: utc(m.NotBefore), Disabled: m.Disabled, Tags: m.Tags,
		UsedBy: all(use.Connectors, func(c store.ConnectorName) SecretUse { return SecretUse{ConnectorID: c.ID, ConnectorName: c.Name} }),
	}
}

type secretPage struct {
	Body struct {
		Items    []SecretMetadata `json:"items" nullable:"false"`
		Next     string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		Complete bool             `json:"complete" doc:"On the last page: whether the listing is known to hold everything."`
	}
}

// RefQuery names a secret.
type RefQuery struct {
	Ref string `query:"ref" required:"true" doc:"The secret's ref." example:"secret://ad/svc/password"`
}

type metadataOutput struct{ Body SecretMetadata }

func (a *API) secrets() {
	const all = "/api/secrets"
	register(a, authz.SecretsRead, huma.Operation{
		OperationID: "list-secrets", Method: http.MethodGet, Path: all, Tags: []string{tagSecrets},
		Summary: "List the secrets of the store", Description: "A page may have fewer items than the limit and still not be the last.",
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
		Summary: "Delete a secret", Description: "Where the store has soft delete, it can be recovered there. Connectors that use it will fail.",
	}, a.deleteSecret)
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

func (a *API) listSecrets(ctx context.Context, in *Paging) (*secretPage, error) {
	page, err := a.Secrets.List(ctx, provider.ListRequest{Size: in.Limit, Token: in.Cursor})
	if err != nil {
		return nil, err
	}
	uses, err := a.uses(ctx, page.Items...)
	if err != nil {
		return nil, err
	}
	out := &secretPage{}
	out.Body.Items = make([]SecretMetadata, 0, len(page.Items))
	for _, m := range page.Items {
		out.Body.Items = append(out.Body.Items, secretMetadata(m, uses))
	}
	out.Body.Next, out.Body.Complete = page.Next, page.Complete
	return out, nil
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
	return &metadataOutput{secretMetadata(m, uses)}, nil
}

// setSecret keeps the value in two buffers, the body and what was read from it,
// and wipes both. What encoding the call to the plugin and the kernel's buffers
// hold is beyond reach.
func (a *API) setSecret(ctx context.Context, in *Payload) (c change[metadataOutput], err error) {
	req, err := secretRequest(*in)
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
		if err != nil {
			return d, writeProblem(err)
		}
		a.Logger.InfoContext(ctx, "secret set", telemetry.KeyRef, string(req.Ref), "operator", authz.From(ctx).Name, "request_id", problem.RequestID(ctx))
		return done[metadataOutput]{answer: &metadataOutput{secretMetadata(m, uses)}, after: auditedSecret(m)}, nil
	}
	return c, nil
}

func (a *API) deleteSecret(ctx context.Context, in *RefQuery) (c change[struct{}], err error) {
	ref, err := in.parse()
	if err != nil {
		return c, err
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
