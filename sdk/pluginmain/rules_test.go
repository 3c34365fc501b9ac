package pluginmain_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/contract/rules"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// careless is a provider that answers with whatever the test gives it.
type careless struct {
	m      secret.Metadata
	page   secret.Page
	report provider.CheckReport
	set    provider.SetRequest
}

func (c *careless) Describe(context.Context, secret.Ref) (secret.Metadata, error) { return c.m, nil }
func (c *careless) Get(context.Context, secret.Ref, secret.Version) (secret.Secret, error) {
	return secret.Secret{Metadata: c.m, Value: secret.NewValue([]byte("canary-31"))}, nil
}
func (c *careless) List(context.Context, provider.ListRequest) (secret.Page, error) {
	return c.page, nil
}
func (c *careless) ListVersions(context.Context, secret.Ref, provider.ListRequest) (secret.Page, error) {
	return c.page, nil
}
func (c *careless) Set(_ context.Context, req provider.SetRequest) (secret.Metadata, error) {
	c.set = req
	return c.m, nil
}
func (c *careless) Delete(context.Context, secret.Ref) error                     { return nil }
func (c *careless) Recover(context.Context, secret.Ref) (secret.Metadata, error) { return c.m, nil }
func (c *careless) Purge(context.Context, secret.Ref) error                      { return nil }
func (c *careless) Check(context.Context) (provider.CheckReport, error)          { return c.report, nil }

const ref = "secret://a"

func careful() *careless {
	m := secret.Metadata{Ref: ref, Name: naming.Name(ref), Version: "1"}
	return &careless{m: m, page: secret.Page{Items: []secret.Metadata{m}}}
}

func TestAnswerThatBreaksTheContractDoesNotLeaveThePlugin(t *testing.T) {
	size := provider.ListRequest{Size: 2, Token: "here"}
	describe := func(ctx context.Context, p facade.Plugin) error { _, err := p.Describe(ctx, ref); return err }
	get := func(ctx context.Context, p facade.Plugin) error { _, err := p.Get(ctx, ref, "1"); return err }
	list := func(ctx context.Context, p facade.Plugin) error { _, err := p.List(ctx, size); return err }
	check := func(ctx context.Context, p facade.Plugin) error { _, err := p.Check(ctx); return err }
	set := func(ctx context.Context, p facade.Plugin) error {
		_, err := p.Set(ctx, provider.SetRequest{Ref: ref, Expires: time.Now()})
		return err
	}
	cases := []struct {
		name string
		rule rules.Rule
		lie  func(*careless)
		ask  func(context.Context, facade.Plugin) error
	}{
		{"the metadata of another ref", rules.DescribeRef, func(c *careless) { c.m.Ref = "secret://b" }, describe},
		{"the value of another ref", rules.GetRef, func(c *careless) { c.m.Ref = "secret://b" }, get},
		{"no version", rules.VersionMissing, func(c *careless) { c.m.Version = "" }, get},
		{"another version", rules.GetVersion, func(c *careless) { c.m.Version = "2" }, get},
		{"a name that is no text", rules.NameText, func(c *careless) { c.m.Name = "\xff" }, describe},
		{"a time that does not travel", rules.TimeInvalid, func(c *careless) { c.m.Created = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC) }, describe},
		{"an expiry that got lost", rules.SetExpiry, func(*careless) {}, set},
		{"a recovery of another ref", rules.RecoverRef, func(c *careless) { c.m.Ref = "" },
			func(ctx context.Context, p facade.Plugin) error { _, err := p.Recover(ctx, ref); return err }},
		{"a page that is too large", rules.ListPageSize, func(c *careless) { c.page.Items = []secret.Metadata{{Name: "a"}, {Name: "b"}, {Name: "c"}} }, list},
		{"a complete listing that was not promised", rules.ListComplete, func(c *careless) { c.page.Complete = true }, list},
		{"the versions of another ref", rules.ListVersionsRef, func(c *careless) { c.page.Items[0].Ref = "secret://b" },
			func(ctx context.Context, p facade.Plugin) error { _, err := p.ListVersions(ctx, ref, size); return err }},
		{"a result without a name", rules.ReportMalformed, func(c *careless) { c.report.Results = []provider.CheckResult{{OK: true}} }, check},
		{"a negative latency", rules.ReportMalformed, func(c *careless) { c.report.Results = []provider.CheckResult{{Name: "read", Latency: -1}} }, check},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := careful()
			c.lie(p)
			var logs bytes.Buffer
			client, problems := plugintest.TryLogging(t, define(p, provider.Traits{Expiry: true}, provider.Limits{}), []byte("{}"), &logs)
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			err := c.ask(t.Context(), client)
			if facade.IsViolation(err) || fault.Of(err) != fault.Internal || !strings.Contains(err.Error(), c.rule.Spec()) {
				t.Errorf("the host was told %v", err)
			}
			if text := logs.String(); !strings.Contains(text, c.rule.String()) || !strings.Contains(text, c.rule.Spec()) || strings.Contains(text, "canary") {
				t.Errorf("the log says %q", text)
			}
		})
	}
}

func TestTextsFromElsewhereAreMadePresentable(t *testing.T) {
	p := careful()
	p.report = provider.CheckReport{Target: "\x1b[2J", Results: []provider.CheckResult{{Name: "read", Message: strings.Repeat("x", 5000)}}}
	p.page.Items = append(p.page.Items, p.m)
	def := define(p, provider.Traits{}, provider.Limits{})
	def.Open = func(context.Context, provider.Environment) (*careless, diag.List) {
		var problems diag.List
		problems.Warnf("Key\n", "\a%s", strings.Repeat("x", 2000))
		return p, problems
	}
	client := plugintest.Open(t, def, nil)
	if w := client.Warnings; len(w) != 1 || w[0].Path != "Key " || len(w[0].Summary) > 1024 || w[0].Summary[0] != ' ' {
		t.Errorf("the warnings are %+v", w)
	}
	if got, err := client.Check(t.Context()); err != nil || got.Target != " [2J" || len(got.Results[0].Message) > 4096 {
		t.Errorf("the report is %+v, %v", got, err)
	}
	if page, err := client.List(t.Context(), provider.ListRequest{Size: 2}); err != nil || len(page.Items) != 1 {
		t.Errorf("a secret that was shown twice: %+v, %v", page, err)
	}
}

// dial speaks to the plugin without a facade, which would not let such requests out.
func dial(t *testing.T, def provider.Definition[*careless]) *grpc.ClientConn {
	t.Helper()
	server := pluginmain.NewServer(def, &telemetry.Telemetry{
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(),
	})
	listener := bufconn.Listen(1 << 16)
	g := server.GRPC()
	go func() { _ = g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); g.Stop(); server.Close() })
	return conn
}

func TestWhatBreaksTheContractDoesNotReachTheProvider(t *testing.T) {
	p := careful()
	conn := dial(t, define(p, provider.Traits{Expiry: true}, provider.Limits{MaxRefBytes: 20}))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := pb.NewPluginClient(conn).Configure(ctx, &pb.ConfigureRequest{Config: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		req    *pb.SetRequest
		reason fault.Reason
	}{
		{"an empty ref", &pb.SetRequest{}, fault.InvalidRef},
		{"a ref with a control character", &pb.SetRequest{Ref: "secret://a\n"}, fault.InvalidRef},
		{"a ref longer than the store's", &pb.SetRequest{Ref: "secret://0123456789abcdef"}, fault.InvalidRef},
		{"an expiry that is no time", &pb.SetRequest{Ref: ref, Expires: &timestamppb.Timestamp{Nanos: -1}}, fault.TooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := pb.NewSecretWriteClient(conn).Set(ctx, c.req)
			if got := wire.FromError(err); got == nil || got.Reason != c.reason || got.Source != fault.SourceConfig {
				t.Errorf("got %v", got)
			}
			if p.set.Ref != "" {
				t.Errorf("the provider got %+v", p.set)
			}
		})
	}
}

func TestDiagnosticThatSaysNothingIsTheProvidersDefect(t *testing.T) {
	p := careful()
	def := define(p, provider.Traits{}, provider.Limits{})
	def.Open = func(context.Context, provider.Environment) (*careless, diag.List) { return p, diag.List{{Path: "Key"}} }
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := pb.NewPluginClient(dial(t, def)).Configure(ctx, &pb.ConfigureRequest{Config: []byte("{}")})
	if got := wire.FromError(err); got == nil || got.Reason != fault.Internal || !strings.Contains(got.Message, rules.DiagnosticMalformed.Spec()) {
		t.Errorf("got %v", got)
	}
}
