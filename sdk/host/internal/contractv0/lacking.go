package contractv0

import (
	"context"

	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// lacking is what hosts ask and this major does not have.
type lacking struct{}

func (lacking) Check(context.Context) (provider.CheckReport, error) {
	return provider.CheckReport{}, unsupported("check")
}

func (lacking) List(context.Context, provider.ListRequest) (secret.Page, error) {
	return secret.Page{}, unsupported("listing")
}

func (lacking) ListVersions(context.Context, secret.Ref, provider.ListRequest) (secret.Page, error) {
	return secret.Page{}, unsupported("listing of versions")
}

func (lacking) Set(context.Context, provider.SetRequest) (secret.Metadata, error) {
	return secret.Metadata{}, unsupported("set")
}

func (lacking) Delete(context.Context, secret.Ref) error { return unsupported("delete") }

func (lacking) Recover(context.Context, secret.Ref) (secret.Metadata, error) {
	return secret.Metadata{}, unsupported("recovery")
}

func (lacking) Purge(context.Context, secret.Ref) error { return unsupported("purge") }
