package facade

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Describe returns the metadata of the current version.
func (f *V1) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	got, err := f.metadata.Describe(ctx, &pb.DescribeRequest{Ref: string(ref)})
	if err != nil {
		return secret.Metadata{}, f.failed(err)
	}
	return f.metadataOf("Describe", got.GetMetadata(), ref)
}

// Get returns a value, which the caller wipes.
func (f *V1) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	got, err := f.value.Get(ctx, &pb.GetRequest{Ref: string(ref), Version: string(version)})
	if err != nil {
		return secret.Secret{}, f.failed(err)
	}
	value := secret.NewValue(got.GetValue())
	m, err := f.metadataOf("Get", got.GetMetadata(), ref)
	switch {
	case err != nil:
	case got.Value == nil:
		err = f.violation("Get", "value is missing")
	case len(got.GetValue()) > contract.MaxValueBytes:
		err = f.violation("Get", "value is larger than 1 MiB")
	case version != secret.Current && m.Version != version:
		err = f.violation("Get", "the version is not the one that was asked for")
	default:
		return secret.Secret{Metadata: m, Value: value}, nil
	}
	value.Wipe()
	return secret.Secret{}, err
}

// List returns a page of the store's secrets.
func (f *V1) List(ctx context.Context, req provider.ListRequest) (secret.Page, error) {
	if err := f.need(List); err != nil {
		return secret.Page{}, err
	}
	got, err := f.metadata.List(ctx, &pb.ListRequest{PageSize: uint32(req.Size), PageToken: req.Token})
	if err != nil {
		return secret.Page{}, f.failed(err)
	}
	page, err := f.pageOf("List", req, got.GetItems(), got.GetNextPageToken(), got.GetComplete(), "")
	if err == nil && page.Complete && !f.info.Capabilities.Has(ListComplete) {
		err = f.violation("List", "a complete listing without LIST_COMPLETE")
	}
	return page, err
}

// ListVersions returns a page of a secret's versions.
func (f *V1) ListVersions(ctx context.Context, ref secret.Ref, req provider.ListRequest) (secret.Page, error) {
	if err := f.need(Versions); err != nil {
		return secret.Page{}, err
	}
	got, err := f.metadata.ListVersions(ctx, &pb.ListVersionsRequest{Ref: string(ref), PageSize: uint32(req.Size), PageToken: req.Token})
	if err != nil {
		return secret.Page{}, f.failed(err)
	}
	return f.pageOf("ListVersions", req, got.GetItems(), got.GetNextPageToken(), got.GetComplete(), ref)
}

// Set stores a value and returns the new version's metadata.
func (f *V1) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	if err := f.checkSet(req); err != nil {
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
		return secret.Metadata{}, f.failed(err)
	}
	return f.metadataOf("Set", got.GetMetadata(), req.Ref)
}

// checkSet refuses, before anything is sent, what the plugin does not claim or
// cannot hold, because it would otherwise be dropped in silence.
func (f *V1) checkSet(req provider.SetRequest) error {
	if err := f.need(Write); err != nil {
		return err
	}
	if len(req.Value.Reveal()) > f.info.Limits.MaxValueBytes {
		return fault.New(fault.TooLarge, fault.SourceConfig,
			fmt.Sprintf("the value of %s is larger than the %d bytes that provider %s stores", req.Ref, f.info.Limits.MaxValueBytes, f.info.Name))
	}
	wants := []struct {
		used bool
		c    Capability
	}{{req.Expected != nil, ConditionalSet}, {!req.Expires.IsZero(), Expiry}, {len(req.Tags) > 0, Tags}}
	for _, w := range wants {
		if !w.used {
			continue
		}
		if err := f.need(w.c); err != nil {
			return err
		}
	}
	return nil
}

// Delete removes a secret.
func (f *V1) Delete(ctx context.Context, ref secret.Ref) error {
	if err := f.need(Delete); err != nil {
		return err
	}
	_, err := f.write.Delete(ctx, &pb.DeleteRequest{Ref: string(ref)})
	return f.failed(err)
}

// Recover brings a deleted secret back.
func (f *V1) Recover(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	if err := f.need(Recover); err != nil {
		return secret.Metadata{}, err
	}
	got, err := f.write.Recover(ctx, &pb.RecoverRequest{Ref: string(ref)})
	if err != nil {
		return secret.Metadata{}, f.failed(err)
	}
	return f.metadataOf("Recover", got.GetMetadata(), ref)
}

// Purge removes a deleted secret for ever.
func (f *V1) Purge(ctx context.Context, ref secret.Ref) error {
	if err := f.need(Purge); err != nil {
		return err
	}
	_, err := f.write.Purge(ctx, &pb.PurgeRequest{Ref: string(ref)})
	return f.failed(err)
}

func (f *V1) pageOf(call string, req provider.ListRequest, items []*pb.Metadata, next string, complete bool, ref secret.Ref) (secret.Page, error) {
	switch {
	case len(items) > req.Size:
		return secret.Page{}, f.violation(call, "more items than the page that was asked for")
	case len(next) > contract.MaxTokenBytes || !utf8.ValidString(next):
		return secret.Page{}, f.violation(call, "next_page_token is longer than 4 KiB or not UTF-8")
	case next != "" && next == req.Token:
		return secret.Page{}, f.violation(call, "next_page_token is the one of the page itself")
	case next != "" && complete:
		return secret.Page{}, f.violation(call, "complete is set before the last page")
	}
	page := secret.Page{Next: next, Complete: complete, Items: make([]secret.Metadata, 0, len(items))}
	for _, item := range items {
		m, err := f.metadataOf(call, item, ref)
		if err != nil {
			return secret.Page{}, err
		}
		page.Items = append(page.Items, m)
	}
	return page, nil
}

// metadataOf checks and converts metadata; an empty want takes any ref.
func (f *V1) metadataOf(call string, m *pb.Metadata, want secret.Ref) (secret.Metadata, error) {
	rule := ""
	switch {
	case m == nil:
		rule = "metadata is missing"
	case want != "" && secret.Ref(m.GetRef()) != want:
		rule = "the ref is not the one that was asked for"
	case len(m.GetRef()) > contract.MaxRefBytes:
		rule = "ref is longer than 4 KiB"
	case m.GetName() == "" || len(m.GetName()) > contract.MaxNameBytes:
		rule = "name is missing or longer than 4 KiB"
	case m.GetVersion() == "":
		rule = "version is missing"
	case len(m.GetVersion()) > contract.MaxVersionBytes:
		rule = "version is longer than 256 bytes"
	case len(m.GetTags()) > contract.MaxTags:
		rule = "more than 50 tags"
	}
	for k, v := range m.GetTags() {
		if len(k) > contract.MaxTagBytes || len(v) > contract.MaxTagBytes {
			rule = "a tag is longer than 512 bytes"
		}
	}
	if rule != "" {
		return secret.Metadata{}, f.violation(call, rule)
	}
	return secret.Metadata{
		Ref: secret.Ref(m.GetRef()), Name: m.GetName(), Version: secret.Version(m.GetVersion()),
		Created: toTime(m.GetCreated()), Updated: toTime(m.GetUpdated()),
		Expires: toTime(m.GetExpires()), NotBefore: toTime(m.GetNotBefore()),
		Disabled: m.GetDisabled(), Tags: m.GetTags(),
	}, nil
}

// toTime takes only times that the protocol calls valid; others count as not known.
func toTime(t *timestamppb.Timestamp) time.Time {
	if t == nil || !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}
