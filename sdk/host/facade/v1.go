package facade

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
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

// OpenV1 asks the plugin at conn who it is and returns its facade.
func OpenV1(ctx context.Context, conn grpc.ClientConnInterface) (*V1, error) {
	f := &V1{
		plugin: pb.NewPluginClient(conn), metadata: pb.NewSecretMetadataClient(conn),
		value: pb.NewSecretValueClient(conn), write: pb.NewSecretWriteClient(conn),
		info: Info{Name: "(unnamed)", Major: contract.Major},
	}
	got, err := f.plugin.GetInfo(ctx, &pb.GetInfoRequest{HostContractMinor: contract.Minor})
	if err != nil {
		return nil, f.failed(err)
	}
	if !pluginName.MatchString(got.GetName()) {
		return nil, f.violation("GetInfo", "name must be 1 to 64 characters of [a-z0-9-]")
	}
	f.info.Name = got.GetName()
	if !semver.MatchString(got.GetVersion()) || len(got.GetVersion()) > maxInfoText {
		return nil, f.violation("GetInfo", "version must be a semantic version without a leading v")
	}
	f.info.Version = got.GetVersion()
	if len(got.GetCommit()) > maxInfoText {
		return nil, f.violation("GetInfo", "commit is longer than 64 characters")
	}
	l := got.GetLimits()
	if l.GetMaxValueBytes() > contract.MaxValueBytes || l.GetMaxRefBytes() > contract.MaxRefBytes || l.GetCallsPerSecond() < 0 {
		return nil, f.violation("GetInfo", "limits exceed those of the contract")
	}
	f.info.Commit, f.info.Minor = got.GetCommit(), int(got.GetContractMinor())
	f.info.Limits = provider.Limits{
		MaxValueBytes:  orDefault(l.GetMaxValueBytes(), contract.MaxValueBytes),
		MaxRefBytes:    orDefault(l.GetMaxRefBytes(), contract.MaxRefBytes),
		CallsPerSecond: l.GetCallsPerSecond(),
	}
	for _, c := range got.GetCapabilities() {
		if name, known := pb.Capability_name[int32(c)]; known && c != 0 {
			f.info.Capabilities = append(f.info.Capabilities, Capability(strings.TrimPrefix(name, "CAPABILITY_")))
		}
	}
	return f, nil
}

const maxInfoText = 64

var (
	pluginName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	semver     = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

// Info returns what the plugin said of itself when it was opened.
func (f *V1) Info() Info { return f.info }

// Configure hands over the configuration, a JSON object, and returns what the
// plugin found in it. It is configured unless the list has errors.
func (f *V1) Configure(ctx context.Context, config []byte) (diag.List, error) {
	got, err := f.plugin.Configure(ctx, &pb.ConfigureRequest{Config: config})
	if err != nil {
		return nil, f.failed(err)
	}
	if len(got.GetDiagnostics()) > contract.MaxDiagnostics {
		return nil, f.violation("Configure", fmt.Sprintf("more than %d diagnostics", contract.MaxDiagnostics))
	}
	var list diag.List
	for _, d := range got.GetDiagnostics() {
		severity := diag.Error
		if d.GetSeverity() == pb.Diagnostic_SEVERITY_WARNING {
			severity = diag.Warning
		}
		list = append(list, diag.Diagnostic{
			Severity: severity, Path: wire.Cut(d.GetPath(), contract.MaxTagBytes),
			Summary: wire.Cut(d.GetSummary(), contract.MaxTextBytes), Detail: wire.Cut(d.GetDetail(), contract.MaxTextBytes),
		})
	}
	return list, nil
}

// Check returns what works right now.
func (f *V1) Check(ctx context.Context) (provider.CheckReport, error) {
	got, err := f.plugin.Check(ctx, &pb.CheckRequest{})
	if err != nil {
		return provider.CheckReport{}, f.failed(err)
	}
	if len(got.GetResults()) > contract.MaxCheckResults {
		return provider.CheckReport{}, f.violation("Check", "more than 32 results")
	}
	report := provider.CheckReport{
		Target: wire.Cut(got.GetTarget(), contract.MaxTextBytes), Identity: wire.Cut(got.GetIdentity(), contract.MaxTextBytes),
	}
	for _, r := range got.GetResults() {
		report.Results = append(report.Results, provider.CheckResult{
			Name: wire.Cut(r.GetName(), maxInfoText), OK: r.GetOk(), Skipped: r.GetSkipped(),
			Message: wire.Cut(r.GetMessage(), contract.MaxTextBytes), Latency: r.GetLatency().AsDuration(),
		})
	}
	return report, nil
}

// Drain asks the plugin to take no new calls.
func (f *V1) Drain(ctx context.Context) error {
	_, err := f.plugin.Drain(ctx, &pb.DrainRequest{})
	return f.failed(err)
}

// Probe asks for a sign of life. Any answer is one; the error says that there
// was none.
func (f *V1) Probe(ctx context.Context) error {
	_, err := f.plugin.GetInfo(ctx, &pb.GetInfoRequest{HostContractMinor: contract.Minor})
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Canceled, codes.Unavailable:
		return f.failed(err)
	}
	return nil
}

// failed turns the error of a call into an outcome. A claim that is answered
// with Unimplemented stays what it is here; the callers of [V1] ask Info first.
func (f *V1) failed(err error) error {
	if err == nil {
		return nil
	}
	return wire.FromError(err)
}

func (f *V1) violation(call, rule string) error {
	return (&Violation{Plugin: f.info.Name, Version: f.info.Version, Call: call, Rule: rule}).fail()
}

// need refuses a call that the plugin does not claim, without sending it.
func (f *V1) need(c Capability) error {
	if f.info.Capabilities.Has(c) {
		return nil
	}
	return fault.New(fault.Unsupported, fault.SourcePlugin,
		fmt.Sprintf("provider %s %s does not offer %s", f.info.Name, f.info.Version, c))
}

func orDefault(v uint32, def int) int {
	if v == 0 {
		return def
	}
	return int(v)
}
