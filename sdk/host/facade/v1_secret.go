package facade

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Describe returns the metadata of the current version.
func (f *V1) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	if err := f.askRef(ref); err != nil {
		return secret.Metadata{}, err
	}
	got, err := f.metadata.Describe(ctx, &pb.DescribeRequest{Ref: string(ref)})
	if err != nil {
		return secret.Metadata{}, f.failed(ctx, callDescribe, err)
	}
	m, rule := described(got, ref)
	return m, f.hold(callDescribe, rule)
}

// Get returns a value, which the caller wipes.
func (f *V1) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	if err := f.askRef(ref); err != nil {
		return secret.Secret{}, err
	}
	if err := askVersion(version); err != nil {
		return secret.Secret{}, err
	}
	got, err := f.value.Get(ctx, &pb.GetRequest{Ref: string(ref), Version: string(version)})
	if err != nil {
		return secret.Secret{}, f.failed(ctx, callGet, err)
	}
	s, rule := gotten(got, ref, version)
	return s, f.hold(callGet, rule)
}

// List returns a page of the store's secrets.
func (f *V1) List(ctx context.Context, req provider.ListRequest) (secret.Page, error) {
	if err := f.need(List); err != nil {
		return secret.Page{}, err
	}
	if err := askPage(req); err != nil {
		return secret.Page{}, err
	}
	got, err := f.metadata.List(ctx, &pb.ListRequest{PageSize: uint32(req.Size), PageToken: req.Token})
	if err != nil {
		return secret.Page{}, f.failed(ctx, callList, err)
	}
	page, rule := listed(got, req, f.info.Capabilities.Has(ListComplete))
	return page, f.hold(callList, rule)
}

// ListVersions returns a page of a secret's versions.
func (f *V1) ListVersions(ctx context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error) {
	if err := f.need(Versions); err != nil {
		return secret.Page{}, err
	}
	if err := f.askRef(ref); err != nil {
		return secret.Page{}, err
	}
	if err := askPage(req); err != nil {
		return secret.Page{}, err
	}
	got, err := f.metadata.ListVersions(ctx, &pb.ListVersionsRequest{Ref: string(ref), PageSize: uint32(req.Size), PageToken: req.Token})
	if err != nil {
		return secret.Page{}, f.failed(ctx, callListVersions, err)
	}
	page, rule := versionsListed(got, req, ref)
	return page, f.hold(callListVersions, rule)
}

// Set stores a value and returns the new version's metadata.
func (f *V1) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	if err := f.askSet(req); err != nil {
		return secret.Metadata{}, err
	}
	send := &pb.SetRequest{Ref: string(req.Ref), Value: req.Value.Reveal(), Tags: req.Tags}
	if req.Expected != nil {
		v := string(*req.Expected)
		send.ExpectedVersion = &v
	}
	if !req.Expires.IsZero() {
		send.Expires = timestamppb.New(req.Expires)
	}
	got, err := f.write.Set(ctx, send)
	if err != nil {
		return secret.Metadata{}, f.failed(ctx, callSet, err)
	}
	m, rule := stored(got, req)
	return m, f.hold(callSet, rule)
}

// Delete removes a secret.
func (f *V1) Delete(ctx context.Context, ref secret.Ref) error {
	if err := f.need(Delete); err != nil {
		return err
	}
	if err := f.askRef(ref); err != nil {
		return err
	}
	_, err := f.write.Delete(ctx, &pb.DeleteRequest{Ref: string(ref)})
	return f.failed(ctx, callDelete, err)
}

// Recover brings a deleted secret back.
func (f *V1) Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	if err := f.need(Recover); err != nil {
		return secret.Metadata{}, err
	}
	if err := f.askRef(ref); err != nil {
		return secret.Metadata{}, err
	}
	got, err := f.write.Recover(ctx, &pb.RecoverRequest{Ref: string(ref)})
	if err != nil {
		return secret.Metadata{}, f.failed(ctx, callRecover, err)
	}
	m, rule := recovered(got, ref)
	return m, f.hold(callRecover, rule)
}

// Purge removes a deleted secret for ever.
func (f *V1) Purge(ctx context.Context, ref secret.Ref) error {
	if err := f.need(Purge); err != nil {
		return err
	}
	if err := f.askRef(ref); err != nil {
		return err
	}
	_, err := f.write.Purge(ctx, &pb.PurgeRequest{Ref: string(ref)})
	return f.failed(ctx, callPurge, err)
}
