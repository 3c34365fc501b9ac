package facade

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/diag"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// Each function here turns one answer into what the caller gets. When the answer
// breaks a rule it returns the rule and nothing else.

func described(got *pb.DescribeResponse, asked secret.Ref) (secret.Metadata, rules.Rule) {
	m, rule := metadataOf(got.GetMetadata(), unknown(got))
	if rule == rules.None {
		rule = rules.Describe(&m, asked)
	}
	return unlessBroken(m, rule)
}

func recovered(got *pb.RecoverResponse, asked secret.Ref) (secret.Metadata, rules.Rule) {
	m, rule := metadataOf(got.GetMetadata(), unknown(got))
	if rule == rules.None {
		rule = rules.Recover(&m, asked)
	}
	return unlessBroken(m, rule)
}

func stored(got *pb.SetResponse, req provider.SetRequest) (secret.Metadata, rules.Rule) {
	m, rule := metadataOf(got.GetMetadata(), unknown(got))
	if rule == rules.None {
		rule = rules.Set(&m, req)
	}
	return unlessBroken(m, rule)
}

// gotten wipes a value that it does not pass on.
func gotten(got *pb.GetResponse, asked secret.Ref, version secret.Version) (secret.Secret, rules.Rule) {
	m, rule := metadataOf(got.GetMetadata(), unknown(got))
	if rule == rules.None {
		rule = rules.Get(&m, got.Value, asked, version)
	}
	if rule != rules.None {
		clear(got.Value)
		return secret.Secret{}, rule
	}
	return secret.Secret{Metadata: m, Value: secret.NewValue(got.Value)}, rules.None
}

func listed(got *pb.ListResponse, req provider.ListRequest, complete bool) (secret.Page, rules.Rule) {
	page, rule := pageOf(got.GetItems(), got.GetNextPageToken(), got.GetComplete(), unknown(got))
	if rule == rules.None {
		rule = rules.List(page, req, complete)
	}
	return unlessBroken(page, rule)
}

func versionsListed(got *pb.ListVersionsResponse, req provider.ListRequest, asked secret.Ref) (secret.Page, rules.Rule) {
	page, rule := pageOf(got.GetItems(), got.GetNextPageToken(), got.GetComplete(), unknown(got))
	if rule == rules.None {
		rule = rules.ListVersions(page, req, asked)
	}
	return unlessBroken(page, rule)
}

// unlessBroken keeps an answer that breaks a rule to itself.
func unlessBroken[T any](answer T, rule rules.Rule) (T, rules.Rule) {
	if rule != rules.None {
		var nothing T
		return nothing, rule
	}
	return answer, rule
}

func pageOf(items []*pb.Metadata, next string, complete bool, unknownBytes int) (secret.Page, rules.Rule) {
	if len(items) > contract.MaxPageItems {
		return secret.Page{}, rules.ListPageSize
	}
	page := secret.Page{Next: next, Complete: complete, Items: make([]secret.Metadata, 0, len(items))}
	for _, item := range items {
		m, rule := metadataOf(item, unknownBytes)
		if rule != rules.None {
			return secret.Page{}, rule
		}
		page.Items = append(page.Items, m)
	}
	return page, rules.None
}

// metadataOf converts metadata and checks what is not seen any more afterwards.
// outside is how much the message around it has that nobody knows.
func metadataOf(m *pb.Metadata, outside int) (secret.Metadata, rules.Rule) {
	switch {
	case m == nil:
		return secret.Metadata{}, rules.MetadataMissing
	case outside+unknown(m)+unknownTime(m.Created)+unknownTime(m.Updated)+unknownTime(m.Expires)+unknownTime(m.NotBefore) > contract.MaxUnknownBytes:
		return secret.Metadata{}, rules.MetadataUnknown
	case !validTime(m.Created), !validTime(m.Updated), !validTime(m.Expires), !validTime(m.NotBefore):
		return secret.Metadata{}, rules.TimeInvalid
	}
	return secret.Metadata{
		Ref: secret.Ref(m.Ref), Name: m.Name, Version: secret.Version(m.Version),
		Created: toTime(m.Created), Updated: toTime(m.Updated),
		Expires: toTime(m.Expires), NotBefore: toTime(m.NotBefore),
		Disabled: m.Disabled, Tags: m.Tags,
	}, rules.None
}

// unknown returns how many bytes of fields m has that the contract does not.
// They are legal, they never go further, and they are no place for a value.
func unknown(m proto.Message) int { return len(m.ProtoReflect().GetUnknown()) }

func unknownTime(t *timestamppb.Timestamp) int {
	if t == nil {
		return 0
	}
	return unknown(t)
}

func validTime(t *timestamppb.Timestamp) bool { return t == nil || t.IsValid() }

func toTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// diagnosticsOf takes a severity that it does not know for an error, which is the
// safe side; one that is missing is a defect.
func diagnosticsOf(got *pb.ConfigureResponse) (diag.List, rules.Rule) {
	var list diag.List
	for _, d := range got.GetDiagnostics() {
		severity := diag.Error
		switch d.GetSeverity() {
		case pb.Diagnostic_SEVERITY_UNSPECIFIED:
			return nil, rules.DiagnosticMalformed
		case pb.Diagnostic_SEVERITY_WARNING:
			severity = diag.Warning
		}
		list = append(list, diag.Diagnostic{Severity: severity, Path: d.GetPath(), Summary: d.GetSummary(), Detail: d.GetDetail()})
	}
	return unlessBroken(list, rules.Diagnostics(list))
}

func reportOf(got *pb.CheckResponse) (provider.CheckReport, rules.Rule) {
	report := provider.CheckReport{Target: got.GetTarget(), Identity: got.GetIdentity()}
	for _, r := range got.GetResults() {
		if r.GetLatency() != nil && !r.GetLatency().IsValid() {
			return provider.CheckReport{}, rules.ReportMalformed
		}
		report.Results = append(report.Results, provider.CheckResult{
			Name: r.GetName(), OK: r.GetOk(), Skipped: r.GetSkipped(),
			Message: r.GetMessage(), Latency: r.GetLatency().AsDuration(),
		})
	}
	return unlessBroken(report, rules.Check(report))
}
