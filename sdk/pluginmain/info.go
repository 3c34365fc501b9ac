package pluginmain

import (
	"cmp"

	"github.com/identitymesh/identitymesh/sdk/buildinfo"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// describe derives what the host is told from the provider's type: only what is
// implemented is claimed.
func describe[P provider.Provider](def provider.Definition[P]) *pb.GetInfoResponse {
	limits, build := withDefaults(def.Limits), built(def)
	info := &pb.GetInfoResponse{
		Name: def.Name, Version: build.Version, Commit: build.Commit, ContractMinor: contract.Minor,
		Limits: &pb.Limits{
			MaxValueBytes:  uint32(limits.MaxValueBytes),
			MaxRefBytes:    uint32(limits.MaxRefBytes),
			CallsPerSecond: limits.CallsPerSecond,
		},
		ConfigSchema: toSchema(def.Schema),
	}
	// The zero P is asked for its methods, none is called.
	var p P
	v := any(p)
	claim := func(yes bool, capabilities ...pb.Capability) {
		if yes {
			info.Capabilities = append(info.Capabilities, capabilities...)
		}
	}
	_, lists := v.(provider.Lister)
	_, versions := v.(provider.Versioner)
	_, writes := v.(provider.Writer)
	_, recovers := v.(provider.Recoverer)
	t := def.Traits
	claim(lists, pb.Capability_CAPABILITY_LIST)
	claim(lists && t.ListComplete, pb.Capability_CAPABILITY_LIST_COMPLETE)
	claim(versions, pb.Capability_CAPABILITY_VERSIONS)
	claim(writes, pb.Capability_CAPABILITY_WRITE, pb.Capability_CAPABILITY_DELETE)
	claim(writes && t.ConditionalSet, pb.Capability_CAPABILITY_CONDITIONAL_SET)
	claim(writes && t.Expiry, pb.Capability_CAPABILITY_EXPIRY)
	claim(writes && t.Tags, pb.Capability_CAPABILITY_TAGS)
	claim(t.SoftDelete, pb.Capability_CAPABILITY_SOFT_DELETE)
	claim(recovers, pb.Capability_CAPABILITY_RECOVER, pb.Capability_CAPABILITY_PURGE)
	claim(t.HostBound, pb.Capability_CAPABILITY_HOST_BOUND)
	return info
}

// built is what the definition says of its build, and what only the binary knows.
func built[P provider.Provider](def provider.Definition[P]) buildinfo.Info {
	info := buildinfo.Read(def.Version)
	info.Commit = cmp.Or(def.Commit, info.Commit)
	return info
}

// withDefaults fills in the contract's limits, which no provider can exceed.
func withDefaults(l provider.Limits) provider.Limits {
	l.MaxValueBytes = min(cmp.Or(l.MaxValueBytes, contract.MaxValueBytes), contract.MaxValueBytes)
	l.MaxRefBytes = min(cmp.Or(l.MaxRefBytes, contract.MaxRefBytes), contract.MaxRefBytes)
	return l
}

// presentable puts errors first, so that what exceeds the contract's limit is
// never the one that says the plugin is not configured, and cuts texts that come
// from elsewhere.
func presentable(list diag.List) diag.List {
	out := append(list.Errors(), list.Warnings()...)
	out = out[:min(len(out), contract.MaxDiagnostics)]
	for i, d := range out {
		out[i].Path = wire.CutLine(d.Path, contract.MaxPathBytes)
		out[i].Summary = wire.Cut(d.Summary, contract.MaxSummaryBytes)
		out[i].Detail = wire.Cut(d.Detail, contract.MaxTextBytes)
	}
	return out
}

func toDiagnostics(list diag.List) []*pb.Diagnostic {
	var out []*pb.Diagnostic
	for _, d := range list {
		severity := pb.Diagnostic_SEVERITY_ERROR
		if d.Severity == diag.Warning {
			severity = pb.Diagnostic_SEVERITY_WARNING
		}
		out = append(out, &pb.Diagnostic{Severity: severity, Path: d.Path, Summary: d.Summary, Detail: d.Detail})
	}
	return out
}
