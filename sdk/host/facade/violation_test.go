package facade_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const canary = "canary-value-11"

var long = canary + strings.Repeat("x", 5000)

// assertViolation wants err to name the plugin, the call and the rule, and to
// quote nothing.
func assertViolation(t *testing.T, err error, call string, rule rules.Rule) {
	t.Helper()
	var v *facade.Violation
	if !errors.As(err, &v) {
		t.Fatalf("got %v, want the violation of %q", err, rule)
	}
	if v.Call != call || v.Rule != rule.String() || v.Spec != rule.Spec() {
		t.Errorf("got %+v, want %q in %s", v, rule, call)
	}
	for _, part := range []string{"plugin liar 1.0.0 broke the contract in " + call, rule.String(), rule.Spec()} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the text %q lacks %q", err, part)
		}
	}
	if strings.Contains(err.Error(), canary) || fault.Of(err) != fault.Internal {
		t.Errorf("got %v", err)
	}
}

func TestAnswersThatBreakTheContractNeverReachTheCaller(t *testing.T) {
	diagnostic := func(d *pb.Diagnostic) func(*liar) {
		return func(l *liar) { l.configure.Diagnostics = []*pb.Diagnostic{d} }
	}
	result := func(r *pb.CheckResult) func(*liar) {
		return func(l *liar) { l.check.Results = []*pb.CheckResult{r} }
	}
	bad := &timestamppb.Timestamp{Nanos: -1}
	second := &pb.Metadata{Ref: "secret://b", Name: naming.Name("secret://b"), Version: "2"}
	cases := []struct {
		name, call string
		rule       rules.Rule
		lie        func(*liar)
	}{
		{"the metadata of another ref", "Describe", rules.DescribeRef, func(l *liar) { l.describe.Metadata.Ref = "secret://b" }},
		{"the value of another ref", "Get", rules.GetRef, func(l *liar) { l.get.Metadata.Ref = "secret://b" }},
		{"a set of another ref", "Set", rules.SetRef, func(l *liar) { l.set.Metadata.Ref = "" }},
		{"a recovery of another ref", "Recover", rules.RecoverRef, func(l *liar) { l.recover.Metadata.Ref = "secret://A" }},
		{"the versions of another ref", "ListVersions", rules.ListVersionsRef, func(l *liar) { l.versions.Items[0].Ref = "" }},
		{"no metadata", "Get", rules.MetadataMissing, func(l *liar) { l.get.Metadata = nil }},
		{"no answer to a describe", "Describe", rules.MetadataMissing, func(l *liar) { l.describe = &pb.DescribeResponse{} }},
		{"no version", "Get", rules.VersionMissing, func(l *liar) { l.get.Metadata.Version = "" }},
		{"a version that is too long", "Describe", rules.VersionText, func(l *liar) { l.describe.Metadata.Version = strings.Repeat("1", 257) }},
		{"a version of two lines", "Set", rules.VersionText, func(l *liar) { l.set.Metadata.Version = "1\n2" }},
		{"another version than was asked for", "Get", rules.GetVersion, func(l *liar) { l.get.Metadata.Version = "2" }},
		{"no name", "Describe", rules.NameMissing, func(l *liar) { l.describe.Metadata.Name = "" }},
		{"a name that is too long", "List", rules.NameText, func(l *liar) { l.list.Items[0].Name = long }},
		{"a name that moves the cursor", "Describe", rules.NameText, func(l *liar) { l.describe.Metadata.Name = "a\x1b[2J" }},
		{"the mapped name of another ref", "Get", rules.NameForeign, func(l *liar) { l.get.Metadata.Name = naming.Name("secret://b") }},
		{"a set under a name that is not mapped", "Set", rules.SetName, func(l *liar) { l.set.Metadata.Name = "password" }},
		{"no value", "Get", rules.GetValueMissing, func(l *liar) { l.get.Value = nil }},
		{"a value that is too large", "Get", rules.GetValueTooLarge, func(l *liar) { l.get.Value = make([]byte, 1<<20+1) }},
		{"a value beside metadata that is missing", "Get", rules.MetadataMissing, func(l *liar) { l.get.Metadata, l.get.Value = nil, []byte(canary) }},
		{"a tag that is too long", "Describe", rules.TagText, func(l *liar) { l.describe.Metadata.Tags = map[string]string{"k": long} }},
		{"a key of a tag that is too long", "Describe", rules.TagText, func(l *liar) { l.describe.Metadata.Tags = map[string]string{long: "v"} }},
		{"a tag of two lines", "Get", rules.TagText, func(l *liar) { l.get.Metadata.Tags = map[string]string{"k": "a\r\nb"} }},
		{"a tag with a control character beyond ASCII", "Get", rules.TagText, func(l *liar) { l.get.Metadata.Tags = map[string]string{"k": "ä\u009b"} }},
		{"too many tags", "Get", rules.TagsTooMany, func(l *liar) {
			for i := range 51 {
				l.get.Metadata.Tags[strings.Repeat("k", i+2)] = ""
			}
		}},
		{"a time that is none", "Describe", rules.TimeInvalid, func(l *liar) { l.describe.Metadata.Created = bad }},
		{"a time in the far future", "Describe", rules.TimeInvalid, func(l *liar) { l.describe.Metadata.Created = &timestamppb.Timestamp{Seconds: math.MaxInt64} }},
		{"an expiry that is none", "Get", rules.TimeInvalid, func(l *liar) { l.get.Metadata.Expires = bad }},
		{"a change that is none", "List", rules.TimeInvalid, func(l *liar) { l.list.Items[0].Updated = bad }},
		{"a begin that is none", "Get", rules.TimeInvalid, func(l *liar) { l.get.Metadata.NotBefore = bad }},
		{"more items than asked for", "List", rules.ListPageSize, func(l *liar) { l.list.Items = append(l.list.Items, entry(), entry()) }},
		{"an entry twice on a page", "List", rules.ListTwice, func(l *liar) { l.list.Items = append(l.list.Items, entry()) }},
		{"a version twice on a page", "ListVersions", rules.ListVersionsTwice, func(l *liar) { l.versions.Items = append(l.versions.Items, entry()) }},
		{"a listed ref with a control character", "List", rules.RefMalformed, func(l *liar) { l.list.Items[0].Ref = "secret://\x00" }},
		{"a listed ref that is too long", "List", rules.RefMalformed, func(l *liar) { l.list.Items[0].Ref = long }},
		{"a fault in the last item", "List", rules.VersionMissing, func(l *liar) { second.Version = ""; l.list.Items = append(l.list.Items, second) }},
		{"a token that is too long", "List", rules.ListToken, func(l *liar) { l.list.NextPageToken = long }},
		{"a token of two lines", "ListVersions", rules.ListToken, func(l *liar) { l.versions.NextPageToken = "a\nb" }},
		{"a page that leads to itself", "List", rules.ListTokenLoop, func(l *liar) { l.list.NextPageToken = "here" }},
		{"complete before the end", "ListVersions", rules.ListComplete, func(l *liar) { l.versions.NextPageToken, l.versions.Complete = "n", true }},
		{"complete without the capability", "List", rules.ListComplete, func(l *liar) { l.list.Complete = true }},
		{"a diagnostic without a severity", "Configure", rules.DiagnosticMalformed, diagnostic(&pb.Diagnostic{Summary: "s"})},
		{"a diagnostic that says nothing", "Configure", rules.DiagnosticMalformed, diagnostic(&pb.Diagnostic{Severity: 1})},
		{"a summary that is too long", "Configure", rules.DiagnosticMalformed, diagnostic(&pb.Diagnostic{Severity: 1, Summary: strings.Repeat("x", 1025)})},
		{"a detail that is too long", "Configure", rules.DiagnosticMalformed, diagnostic(&pb.Diagnostic{Severity: 1, Summary: "s", Detail: long})},
		{"a path that is too long", "Configure", rules.DiagnosticMalformed, diagnostic(&pb.Diagnostic{Severity: 1, Summary: "s", Path: strings.Repeat("x", 513)})},
		{"a path of two lines", "Configure", rules.DiagnosticMalformed, diagnostic(&pb.Diagnostic{Severity: 1, Summary: "s", Path: "a\nb"})},
		{"a summary that rings", "Configure", rules.DiagnosticMalformed, diagnostic(&pb.Diagnostic{Severity: 1, Summary: "\a"})},
		{"too many diagnostics", "Configure", rules.DiagnosticsTooMany, func(l *liar) {
			for range 100 {
				l.configure.Diagnostics = append(l.configure.Diagnostics, l.configure.Diagnostics[0])
			}
		}},
		{"too many results", "Check", rules.ReportTooLong, func(l *liar) { l.check.Results = make([]*pb.CheckResult, 33) }},
		{"a result without a name", "Check", rules.ReportMalformed, result(&pb.CheckResult{})},
		{"a result with a long name", "Check", rules.ReportMalformed, result(&pb.CheckResult{Name: strings.Repeat("x", 65)})},
		{"a message that is too long", "Check", rules.ReportMalformed, result(&pb.CheckResult{Name: "read", Message: long})},
		{"a negative latency", "Check", rules.ReportMalformed, result(&pb.CheckResult{Name: "read", Latency: &durationpb.Duration{Seconds: -1}})},
		{"a latency of days", "Check", rules.ReportMalformed, result(&pb.CheckResult{Name: "read", Latency: &durationpb.Duration{Seconds: 90000}})},
		{"a latency that is none", "Check", rules.ReportMalformed, result(&pb.CheckResult{Name: "read", Latency: &durationpb.Duration{Seconds: 1, Nanos: -1}})},
		{"a target with escapes", "Check", rules.ReportMalformed, func(l *liar) { l.check.Target = "\x1b]0;" + canary }},
		{"an identity that is too long", "Check", rules.ReportMalformed, func(l *liar) { l.check.Identity = long }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := honest()
			c.lie(l)
			got, err := calls()[c.call](deadline(t), opened(t, l))
			assertViolation(t, err, c.call, c.rule)
			if s, ok := got.(secret.Secret); ok && !s.Value.IsZero() {
				t.Error("the value came through")
			}
			if got != nil && !reflect.ValueOf(got).IsZero() {
				t.Errorf("the answer came through: %+v", got)
			}
		})
	}
}

func TestAnswersWithinTheRulesPass(t *testing.T) {
	cases := []struct {
		name, call string
		tell       func(*liar)
	}{
		{"an entry of another product under its own name", "Get", func(l *liar) { l.get.Metadata.Name = "svc-password" }},
		{"a listed name without a ref", "List", func(l *liar) { l.list.Items[0].Ref = "" }},
		{"an empty page that is not the last", "List", func(l *liar) { l.list = &pb.ListResponse{NextPageToken: "n"} }},
		{"a value of no bytes", "Get", func(l *liar) { l.get.Value = []byte{} }},
		{"the largest value", "Get", func(l *liar) { l.get.Value = make([]byte, 1<<20) }},
		{"tags in any script", "Describe", func(l *liar) { l.describe.Metadata.Tags = map[string]string{"Größe": "日本"} }},
		{"a severity of a later minor", "Configure", func(l *liar) { l.configure.Diagnostics[0].Severity = 9 }},
	}
	for call := range calls() {
		cases = append(cases, struct {
			name, call string
			tell       func(*liar)
		}{"an honest " + call, call, func(*liar) {}})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := honest()
			c.tell(l)
			if got, err := calls()[c.call](deadline(t), opened(t, l)); err != nil {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestExpiryThatWasSentComesBack(t *testing.T) {
	set := func(l *liar) error {
		_, err := opened(t, l).Set(deadline(t), provider.SetRequest{Ref: ref, Expires: expires})
		return err
	}
	assertViolation(t, set(honest()), "Set", rules.SetExpiry)
	l := honest()
	l.set.Metadata.Expires = timestamppb.New(expires.AddDate(0, 0, 1))
	assertViolation(t, set(l), "Set", rules.SetExpiry)
	l.set.Metadata.Expires = timestamppb.New(expires)
	if err := set(l); err != nil {
		t.Error(err)
	}
}

// messages returns m and every message in it.
func messages(m protoreflect.Message) []protoreflect.Message {
	all := []protoreflect.Message{m}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() || f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				all = append(all, messages(v.List().Get(i).Message())...)
			}
		default:
			all = append(all, messages(v.Message())...)
		}
		return true
	})
	return all
}

// full has every field of an entry set, so that no message below it is missed.
func full() *pb.Metadata {
	m := entry()
	at := timestamppb.New(expires)
	m.Created, m.Updated, m.Expires, m.NotBefore = at, timestamppb.New(expires), timestamppb.New(expires), timestamppb.New(expires)
	return m
}

func TestFieldsThatNobodyKnowsAreNoPlaceForAValue(t *testing.T) {
	answers := map[string]func(*liar) proto.Message{
		"Describe":     func(l *liar) proto.Message { l.describe.Metadata = full(); return l.describe },
		"List":         func(l *liar) proto.Message { l.list.Items[0] = full(); return l.list },
		"ListVersions": func(l *liar) proto.Message { l.versions.Items[0] = full(); return l.versions },
		"Get":          func(l *liar) proto.Message { l.get.Metadata = full(); return l.get },
		"Set":          func(l *liar) proto.Message { l.set.Metadata = full(); return l.set },
		"Recover":      func(l *liar) proto.Message { l.recover.Metadata = full(); return l.recover },
	}
	hide := func(bytes int) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 5000, protowire.BytesType), make([]byte, bytes))
	}
	for call, tell := range answers {
		for i := range messages(tell(honest()).ProtoReflect()) {
			l := honest()
			m := messages(tell(l).ProtoReflect())[i]
			name := call + " in " + string(m.Descriptor().Name())
			m.SetUnknown(hide(5000))
			t.Run(name+": as much as a value is a violation", func(t *testing.T) {
				_, err := calls()[call](deadline(t), opened(t, l))
				assertViolation(t, err, call, rules.MetadataUnknown)
			})
			t.Run(name+": an addition of a later minor is none", func(t *testing.T) {
				m.SetUnknown(hide(500))
				if _, err := calls()[call](deadline(t), opened(t, l)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestPluginThatMisstatesItselfIsNotOpened(t *testing.T) {
	claims := func(c ...pb.Capability) func(*pb.GetInfoResponse) {
		return func(i *pb.GetInfoResponse) { i.Capabilities = c }
	}
	rate := func(r float64) func(*pb.GetInfoResponse) {
		return func(i *pb.GetInfoResponse) { i.Limits = &pb.Limits{CallsPerSecond: r} }
	}
	cases := []struct {
		name string
		rule rules.Rule
		lie  func(*pb.GetInfoResponse)
	}{
		{"no name", rules.InfoName, func(i *pb.GetInfoResponse) { i.Name = "" }},
		{"a name with control characters", rules.InfoName, func(i *pb.GetInfoResponse) { i.Name = "a\nb" }},
		{"a name that is too long", rules.InfoName, func(i *pb.GetInfoResponse) { i.Name = strings.Repeat("a", 65) }},
		{"no version", rules.InfoVersion, func(i *pb.GetInfoResponse) { i.Version = "" }},
		{"a version with a v", rules.InfoVersion, func(i *pb.GetInfoResponse) { i.Version = "v1.0.0" }},
		{"a version of two numbers", rules.InfoVersion, func(i *pb.GetInfoResponse) { i.Version = "1.0" }},
		{"a version that is too long", rules.InfoVersion, func(i *pb.GetInfoResponse) { i.Version = "1.0.0-" + strings.Repeat("a", 60) }},
		{"a commit that is too long", rules.InfoCommit, func(i *pb.GetInfoResponse) { i.Commit = long }},
		{"a commit of two lines", rules.InfoCommit, func(i *pb.GetInfoResponse) { i.Commit = "a\nb" }},
		{"larger values than the contract has", rules.InfoLimits, func(i *pb.GetInfoResponse) { i.Limits = &pb.Limits{MaxValueBytes: 2 << 20} }},
		{"values of any size", rules.InfoLimits, func(i *pb.GetInfoResponse) { i.Limits = &pb.Limits{MaxValueBytes: math.MaxUint32} }},
		{"longer refs than the contract has", rules.InfoLimits, func(i *pb.GetInfoResponse) { i.Limits = &pb.Limits{MaxRefBytes: 4097} }},
		{"a negative rate", rules.InfoLimits, rate(-1)},
		{"a rate that is no number", rules.InfoLimits, rate(math.NaN())},
		{"an infinite rate", rules.InfoLimits, rate(math.Inf(1))},
		{"a capability twice", rules.InfoCapabilities, claims(pb.Capability_CAPABILITY_LIST, pb.Capability_CAPABILITY_LIST)},
		{"complete listings without listings", rules.InfoCapabilities, claims(pb.Capability_CAPABILITY_LIST_COMPLETE)},
		{"conditional sets without sets", rules.InfoCapabilities, claims(pb.Capability_CAPABILITY_CONDITIONAL_SET)},
		{"expiry without sets", rules.InfoCapabilities, claims(pb.Capability_CAPABILITY_EXPIRY)},
		{"tags without sets", rules.InfoCapabilities, claims(pb.Capability_CAPABILITY_TAGS)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := honest()
			c.lie(l.info)
			_, err := open(t, l)
			var v *facade.Violation
			if !errors.As(err, &v) || v.Rule != c.rule.String() || v.Call != "GetInfo" || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v", err)
			}
		})
	}
	l := honest()
	claims(pb.Capability_CAPABILITY_LIST_COMPLETE, 999, pb.Capability_CAPABILITY_LIST, 999, pb.Capability_CAPABILITY_HOST_BOUND)(l.info)
	if caps := opened(t, l).Info().Capabilities; len(caps) != 3 || !caps.Has(facade.HostBound) {
		t.Errorf("capabilities %v: an unknown one must be passed over", caps)
	}
}
