package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// SecretVersion is what may be shown of one version of a secret.
type SecretVersion struct {
	Version   string    `json:"version"`
	Created   time.Time `json:"created,omitzero"`
	Updated   time.Time `json:"updated,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	Disabled  bool      `json:"disabled" doc:"The store would refuse to serve it."`
}

// RefInput names a secret in a body.
type RefInput struct {
	Ref string `json:"ref" doc:"The secret's ref." example:"secret://ad/svc/password"`
}

type versionPage struct {
	Body struct {
		Items []SecretVersion `json:"items" nullable:"false"`
		Next  string          `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

func (a *API) secretVersions() {
	const all = "/api/secrets"
	register(a, authz.SecretsRead, huma.Operation{
		OperationID: "list-secret-versions", Method: http.MethodGet, Path: all + "/versions", Tags: []string{tagSecrets},
		Summary: "List the versions of a secret", Description: "The newest first where the store knows an order; only for stores that keep earlier versions.",
	}, a.listVersions)
	registerChange(a, authz.SecretsDelete, "secrets.recover", huma.Operation{
		OperationID: "recover-secret", Method: http.MethodPost, Path: all + "/recover", Tags: []string{tagSecrets},
		Summary: "Recover a deleted secret", Description: "It comes back with its old value; only for stores that keep deleted secrets.",
	}, a.recoverSecret)
	takes[RefInput](a, http.MethodPost, all+"/recover")
	registerChange(a, authz.SecretsPurge, "secrets.purge", huma.Operation{
		OperationID: "purge-secret", Method: http.MethodPost, Path: all + "/purge", DefaultStatus: http.StatusNoContent, Tags: []string{tagSecrets},
		Summary: "Remove a deleted secret for ever", Description: "Nobody can bring it back; only for stores that keep deleted secrets.",
	}, a.purgeSecret)
	takes[RefInput](a, http.MethodPost, all+"/purge")
}

func (a *API) listVersions(ctx context.Context, in *struct {
	RefQuery
	Paging
}) (*versionPage, error) {
	ref, err := in.parse()
	if err != nil {
		return nil, err
	}
	q := query{"versions", "", ref}
	page, err := in.page(q)
	if err != nil {
		return nil, err
	}
	req := provider.ListRequest{Size: page.Limit}
	if page.After != nil {
		req.Token = page.After.ID
	}
	found, err := a.Secrets.ListVersions(ctx, ref, req)
	if err != nil {
		return nil, err
	}
	out := &versionPage{}
	if found.Next != "" {
		out.Body.Next = q.next(&store.Mark{ID: found.Next})
	}
	out.Body.Items = all(found.Items, func(m secret.Metadata) SecretVersion {
		return SecretVersion{
			Version: string(m.Version), Created: utc(m.Created), Updated: utc(m.Updated), Expires: utc(m.Expires), NotBefore: utc(m.NotBefore), Disabled: m.Disabled,
		}
	})
	return out, nil
}

// deletedSecret reads which secret is meant and checks that it is one that was
// deleted. What the store does not know has no place in the audit log.
func (a *API) deletedSecret(ctx context.Context, in Payload, needs facade.Capability) (ref secret.Ref, before any, err error) {
	input, err := decode(a, in, func(in RefInput) (problems diag.List) {
		if _, err := secret.ParseRef(in.Ref); err != nil {
			problems.Errorf("ref", "%s", err)
		}
		return problems
	})
	if err != nil {
		return "", nil, err
	}
	info, err := a.Provider.Info(ctx)
	if err != nil {
		return "", nil, err
	}
	if !info.Capabilities.Has(needs) {
		return "", nil, fault.New(fault.Unsupported, fault.SourceHost,
			"the secret provider "+a.Provider.Status().Provider+" keeps nothing of a deleted secret; set the ref again")
	}
	ref = secret.Ref(input.Ref)
	before, err = a.secretBefore(ctx, ref)
	switch {
	case err == nil:
		return "", nil, problem.New(http.StatusConflict, "secret-not-deleted", "The secret is not deleted: there is nothing to recover, and what is to be purged must be deleted first.")
	case fault.Is(err, fault.NotFound, fault.InvalidRef):
		return "", nil, err
	}
	return ref, before, nil // deleted, or the identity has no right to see that
}

func (a *API) recoverSecret(ctx context.Context, in *Payload) (c change[metadataOutput], err error) {
	ref, before, err := a.deletedSecret(ctx, *in, facade.Recover)
	if err != nil {
		return c, err
	}
	c.target, c.before = string(ref), before
	c.do = func(ctx context.Context) (d done[metadataOutput], err error) {
		m, err := a.Secrets.Recover(ctx, ref)
		if err != nil {
			return d, writeProblem(err)
		}
		a.Logger.InfoContext(ctx, "secret recovered", telemetry.KeyRef, string(ref), "operator", authz.From(ctx).Name, "request_id", problem.RequestID(ctx))
		d.after = auditedSecret(m)
		uses, err := a.uses(ctx, m)
		d.answer = &metadataOutput{versionTag(m.Version), a.secretMetadata(m, uses[usedName(m)])}
		return d, err
	}
	return c, nil
}

func (a *API) purgeSecret(ctx context.Context, in *Payload) (c change[struct{}], err error) {
	ref, before, err := a.deletedSecret(ctx, *in, facade.Purge)
	if err != nil {
		return c, err
	}
	c.target, c.before = string(ref), before
	c.do = func(ctx context.Context) (d done[struct{}], err error) {
		if err := a.Secrets.Purge(ctx, ref); err != nil {
			return d, writeProblem(err)
		}
		a.Logger.InfoContext(ctx, "secret purged", telemetry.KeyRef, string(ref), "operator", authz.From(ctx).Name, "request_id", problem.RequestID(ctx))
		return d, nil
	}
	return c, nil
}
