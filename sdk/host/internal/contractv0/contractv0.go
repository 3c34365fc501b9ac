// Package contractv0 speaks a major of the contract that was never published, so
// that tests can prove that a host serves two majors side by side: messages of
// its own (in proto and gen), a facade that knows nothing of major 1, and the
// command majorplugin, which speaks this major, the first, or both.
//
// It is what an older major of the product would be in package facade, and no
// part of the product. Start reading at [Major].
package contractv0

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	pb "github.com/identitymesh/identitymesh/sdk/host/internal/contractv0/gen/identitymesh/secretprovider/v0test"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Number of this major.
const Number = 0

// Ends is when hosts stop serving it, as operators are told.
const Ends = "release 2.0"

// Major returns it for a host.
func Major() facade.Major {
	return facade.Major{Number: Number, Ends: Ends, Open: func(ctx context.Context, conn grpc.ClientConnInterface) (facade.Plugin, error) {
		f := &plugin{client: pb.NewSecretProviderClient(conn)}
		got, err := f.client.GetInfo(ctx, &pb.GetInfoRequest{})
		if err != nil {
			return nil, wire.FromError(err)
		}
		f.info = facade.Info{Name: got.GetName(), Version: got.GetVersion(), Major: Number}
		return f, f.hold("GetInfo", rules.Info(rules.Statement{Name: got.GetName(), Version: got.GetVersion()}))
	}}
}

// plugin is one that speaks this major. What the major does not have is refused
// by lacking.
type plugin struct {
	lacking
	client pb.SecretProviderClient
	info   facade.Info
}

func (f *plugin) Info() facade.Info { return f.info }

func (f *plugin) Configure(ctx context.Context, config []byte) (diag.List, error) {
	got, err := f.client.Configure(ctx, &pb.ConfigureRequest{Config: config})
	if err != nil {
		return nil, wire.FromError(err)
	}
	var list diag.List
	for _, p := range got.GetProblems() {
		list.Errorf("", "%s", p)
	}
	return list, f.hold("Configure", rules.Diagnostics(list))
}

// Drain has no call in this major: the end of the lifeline says all.
func (f *plugin) Drain(context.Context) error { return nil }

func (f *plugin) Probe(ctx context.Context) error {
	if _, err := f.client.GetInfo(ctx, &pb.GetInfoRequest{}); err != nil {
		return wire.FromError(err)
	}
	return nil
}

func (f *plugin) Describe(ctx context.Context, ref secret.Ref) (secret.Metadata, error) {
	got, err := f.client.Describe(ctx, &pb.DescribeRequest{Ref: string(ref)})
	if err != nil {
		return secret.Metadata{}, wire.FromError(err)
	}
	m := metadata(got.GetRef(), got.GetVersion())
	if err := f.hold("Describe", rules.Describe(&m, ref)); err != nil {
		return secret.Metadata{}, err
	}
	return m, nil
}

func (f *plugin) Get(ctx context.Context, ref secret.Ref, version secret.Version) (secret.Secret, error) {
	if version != secret.Current {
		return secret.Secret{}, unsupported("earlier versions")
	}
	got, err := f.client.Get(ctx, &pb.GetRequest{Ref: string(ref)})
	if err != nil {
		return secret.Secret{}, wire.FromError(err)
	}
	m := metadata(got.GetRef(), got.GetVersion())
	if err := f.hold("Get", rules.Get(&m, got.Value, ref, version)); err != nil {
		clear(got.Value)
		return secret.Secret{}, err
	}
	return secret.Secret{Metadata: m, Value: secret.NewValue(got.Value)}, nil
}

// metadata has the name that this major does not send.
func metadata(ref, version string) secret.Metadata {
	return secret.Metadata{Ref: secret.Ref(ref), Name: naming.Name(ref), Version: secret.Version(version)}
}

func (f *plugin) hold(call string, broken rules.Rule) error {
	if broken == rules.None {
		return nil
	}
	v := &facade.Violation{Plugin: f.info.Name, Version: f.info.Version, Call: call, Rule: broken.String(), Spec: broken.Spec()}
	return &fault.Error{Reason: fault.Internal, Source: fault.SourcePlugin, Message: v.Error(), Cause: v}
}

func unsupported(what string) error {
	return fault.New(fault.Unsupported, fault.SourcePlugin, fmt.Sprintf("major %d of the contract has no %s", Number, what))
}
