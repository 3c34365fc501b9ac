package facade

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/diag"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// V1 speaks major 1 of the contract.
type V1 struct {
	plugin   pb.PluginClient
	metadata pb.SecretMetadataClient
	value    pb.SecretValueClient
	write    pb.SecretWriteClient
	info     Info
}

var _ Plugin = (*V1)(nil)

// Calls as they are named in a violation.
const (
	callInfo         = "GetInfo"
	callConfigure    = "Configure"
	callCheck        = "Check"
	callDrain        = "Drain"
	callDescribe     = "Describe"
	callList         = "List"
	callListVersions = "ListVersions"
	callGet          = "Get"
	callSet          = "Set"
	callDelete       = "Delete"
	callRecover      = "Recover"
	callPurge        = "Purge"
)

// OpenV1 asks the plugin at conn who it is and returns its facade.
func OpenV1(ctx context.Context, conn grpc.ClientConnInterface) (*V1, error) {
	conn = limited(conn)
	f := &V1{
		plugin: pb.NewPluginClient(conn), metadata: pb.NewSecretMetadataClient(conn),
		value: pb.NewSecretValueClient(conn), write: pb.NewSecretWriteClient(conn),
		info: Info{Name: "(unnamed)", Major: contract.Major},
	}
	got, err := f.plugin.GetInfo(ctx, &pb.GetInfoRequest{HostContractMinor: contract.Minor})
	if err != nil {
		return nil, f.failed(ctx, callInfo, err)
	}
	stated := statementOf(got)
	rule := rules.Info(stated)
	if rule != rules.InfoName {
		f.info.Name = stated.Name
		if rule != rules.InfoVersion {
			f.info.Version = stated.Version
		}
	}
	if err := f.hold(callInfo, rule); err != nil {
		return nil, err
	}
	f.info.Commit, f.info.Minor = stated.Commit, int(got.GetContractMinor())
	f.info.Limits = stated.Limits
	if f.info.Schema, err = f.schema(got.GetConfigSchema()); err != nil {
		return nil, err
	}
	for _, name := range stated.Capabilities {
		f.info.Capabilities = append(f.info.Capabilities, Capability(name))
	}
	return f, nil
}

// statementOf leaves out capabilities that this host does not know.
func statementOf(got *pb.GetInfoResponse) rules.Statement {
	l := got.GetLimits()
	s := rules.Statement{
		Name: got.GetName(), Version: got.GetVersion(), Commit: got.GetCommit(),
		Limits: provider.Limits{
			MaxValueBytes:  orDefault(l.GetMaxValueBytes(), contract.MaxValueBytes),
			MaxRefBytes:    orDefault(l.GetMaxRefBytes(), contract.MaxRefBytes),
			CallsPerSecond: l.GetCallsPerSecond(),
		},
	}
	for _, c := range got.GetCapabilities() {
		if name, known := pb.Capability_name[int32(c)]; known && c != 0 {
			s.Capabilities = append(s.Capabilities, strings.TrimPrefix(name, "CAPABILITY_"))
		}
	}
	return s
}

// Info returns what the plugin said of itself when it was opened.
func (f *V1) Info() Info { return f.info }

// Configure hands over the configuration, a JSON object, and returns what the
// plugin found in it. It is configured unless the list has errors.
func (f *V1) Configure(ctx context.Context, config []byte) (diag.List, error) {
	if err := askConfig(config); err != nil {
		return nil, err
	}
	got, err := f.plugin.Configure(ctx, &pb.ConfigureRequest{Config: config})
	if err != nil {
		return nil, f.failed(ctx, callConfigure, err)
	}
	list, rule := diagnosticsOf(got)
	if err := f.hold(callConfigure, rule); err != nil {
		return nil, err
	}
	return list, nil
}

// Check returns what works right now.
func (f *V1) Check(ctx context.Context) (provider.CheckReport, error) {
	got, err := f.plugin.Check(ctx, &pb.CheckRequest{})
	if err != nil {
		return provider.CheckReport{}, f.failed(ctx, callCheck, err)
	}
	report, rule := reportOf(got)
	if err := f.hold(callCheck, rule); err != nil {
		return provider.CheckReport{}, err
	}
	return report, nil
}

// Drain asks the plugin to take no new calls.
func (f *V1) Drain(ctx context.Context) error {
	_, err := f.plugin.Drain(ctx, &pb.DrainRequest{})
	return f.failed(ctx, callDrain, err)
}

// Probe asks for a sign of life. Any answer is one; the error says that there
// was none.
func (f *V1) Probe(ctx context.Context) error {
	_, err := f.plugin.GetInfo(ctx, &pb.GetInfoRequest{HostContractMinor: contract.Minor})
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Canceled, codes.Unavailable:
		return f.failed(ctx, callInfo, err)
	}
	return nil
}

// orDefault keeps a number that no int of this platform holds above every limit.
func orDefault(v uint32, def int) int {
	if v == 0 {
		return def
	}
	return int(min(v, 1<<31-1))
}
