package facade_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// liar is a plugin that answers whatever the test says.
type liar struct {
	pb.UnimplementedPluginServer
	pb.UnimplementedSecretMetadataServer
	pb.UnimplementedSecretValueServer
	pb.UnimplementedSecretWriteServer

	info *pb.GetInfoResponse
	get  *pb.GetResponse
	list *pb.ListResponse
	err  error
}

func honest() *liar {
	return &liar{
		info: &pb.GetInfoResponse{Name: "liar", Version: "1.0.0", Capabilities: []pb.Capability{
			pb.Capability_CAPABILITY_LIST, pb.Capability_CAPABILITY_WRITE, pb.Capability_CAPABILITY_DELETE, 999,
		}},
		get:  &pb.GetResponse{Metadata: entry(), Value: []byte("v")},
		list: &pb.ListResponse{Items: []*pb.Metadata{entry()}},
	}
}

func entry() *pb.Metadata { return &pb.Metadata{Ref: "secret://a", Name: "im-a", Version: "1"} }

func (l *liar) GetInfo(context.Context, *pb.GetInfoRequest) (*pb.GetInfoResponse, error) {
	return l.info, nil
}
func (l *liar) Get(context.Context, *pb.GetRequest) (*pb.GetResponse, error) { return l.get, l.err }
func (l *liar) List(context.Context, *pb.ListRequest) (*pb.ListResponse, error) {
	return l.list, l.err
}

func open(t *testing.T, l *liar) (*facade.V1, error) {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer(grpc.MaxSendMsgSize(64 << 20))
	pb.RegisterPluginServer(server, l)
	pb.RegisterSecretMetadataServer(server, l)
	pb.RegisterSecretValueServer(server, l)
	pb.RegisterSecretWriteServer(server, l)
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///liar", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); server.Stop() })
	return facade.OpenV1(deadline(t), conn)
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestHonestAnswersPass(t *testing.T) {
	f, err := open(t, honest())
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Get(deadline(t), "secret://a", secret.Current)
	if err != nil || string(got.Value.Reveal()) != "v" || got.Metadata.Version != "1" {
		t.Errorf("get: %+v, %v", got.Metadata, err)
	}
	page, err := f.List(deadline(t), provider.ListRequest{Size: 1})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("list: %+v, %v", page, err)
	}
	if caps := f.Info().Capabilities; len(caps) != 3 || !caps.Has(facade.Write) {
		t.Errorf("capabilities %v: an unknown one must be passed over", caps)
	}
}

func TestAnswersThatBreakTheContractNeverReachTheCaller(t *testing.T) {
	const canary = "canary-value-11"
	get := func(change func(*pb.GetResponse)) func(*liar) {
		return func(l *liar) { l.get.Value = []byte(canary); change(l.get) }
	}
	list := func(change func(*pb.ListResponse)) func(*liar) { return func(l *liar) { change(l.list) } }
	long := strings.Repeat("x", 5000)
	cases := []struct {
		name, rule string
		lie        func(*liar)
	}{
		{"another ref", "the ref is not the one", get(func(r *pb.GetResponse) { r.Metadata.Ref = "secret://b" })},
		{"no metadata", "metadata is missing", get(func(r *pb.GetResponse) { r.Metadata = nil })},
		{"no version", "version is missing", get(func(r *pb.GetResponse) { r.Metadata.Version = "" })},
		{"a version that is too long", "version is longer", get(func(r *pb.GetResponse) { r.Metadata.Version = long })},
		{"no name", "name is missing", get(func(r *pb.GetResponse) { r.Metadata.Name = "" })},
		{"no value", "value is missing", get(func(r *pb.GetResponse) { r.Value = nil })},
		{"a value that is too large", "larger than 1 MiB", get(func(r *pb.GetResponse) { r.Value = make([]byte, 1<<20+1) })},
		{"a tag that is too long", "tag is longer", get(func(r *pb.GetResponse) { r.Metadata.Tags = map[string]string{"k": long} })},
		{"more items than asked for", "more items", list(func(r *pb.ListResponse) { r.Items = append(r.Items, entry()) })},
		{"a token that is too long", "next_page_token is longer", list(func(r *pb.ListResponse) { r.NextPageToken = long })},
		{"a page that leads to itself", "the one of the page itself", list(func(r *pb.ListResponse) { r.NextPageToken = "here" })},
		{"complete before the end", "complete is set before", list(func(r *pb.ListResponse) { r.NextPageToken, r.Complete = "n", true })},
		{"complete without the capability", "without LIST_COMPLETE", list(func(r *pb.ListResponse) { r.Complete = true })},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := honest()
			c.lie(l)
			f, err := open(t, l)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Get(deadline(t), "secret://a", secret.Current)
			if err == nil {
				_, err = f.List(deadline(t), provider.ListRequest{Size: 1, Token: "here"})
			}
			if !facade.IsViolation(err) || fault.Of(err) != fault.Internal || !strings.Contains(err.Error(), c.rule) ||
				!strings.Contains(err.Error(), "plugin liar 1.0.0") {
				t.Errorf("got %v", err)
			}
			if strings.Contains(err.Error(), canary) || len(got.Value.Reveal()) > 1 {
				t.Error("the answer came through")
			}
		})
	}
}

func TestPluginThatMisstatesItselfIsNotOpened(t *testing.T) {
	cases := []struct {
		name, rule string
		lie        func(*pb.GetInfoResponse)
	}{
		{"no name", "name must be", func(i *pb.GetInfoResponse) { i.Name = "" }},
		{"a name with control characters", "name must be", func(i *pb.GetInfoResponse) { i.Name = "a\nb" }},
		{"no version", "semantic version", func(i *pb.GetInfoResponse) { i.Version = "" }},
		{"a version with a v", "semantic version", func(i *pb.GetInfoResponse) { i.Version = "v1.0.0" }},
		{"limits above the contract's", "limits exceed", func(i *pb.GetInfoResponse) { i.Limits = &pb.Limits{MaxValueBytes: 2 << 20} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := honest()
			c.lie(l.info)
			if _, err := open(t, l); !facade.IsViolation(err) || !strings.Contains(err.Error(), c.rule) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOverLargeMessageIsAnOutcome(t *testing.T) {
	l := honest()
	l.get.Value = make([]byte, 32<<20)
	f, err := open(t, l)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(deadline(t), "secret://a", secret.Current); err == nil {
		t.Error("32 MiB passed")
	}
}

func TestWhatIsNotClaimedIsNotSent(t *testing.T) {
	f, err := open(t, honest())
	if err != nil {
		t.Fatal(err)
	}
	version := secret.Version("1")
	for name, call := range map[string]func() error{
		"recover": func() error { _, err := f.Recover(deadline(t), "secret://a"); return err },
		"purge":   func() error { return f.Purge(deadline(t), "secret://a") },
		"list versions": func() error {
			_, err := f.ListVersions(deadline(t), "secret://a", provider.ListRequest{Size: 1})
			return err
		},
		"conditional set": func() error {
			_, err := f.Set(deadline(t), provider.SetRequest{Ref: "secret://a", Expected: &version})
			return err
		},
		"expiry": func() error {
			_, err := f.Set(deadline(t), provider.SetRequest{Ref: "secret://a", Expires: time.Now()})
			return err
		},
		"tags": func() error {
			_, err := f.Set(deadline(t), provider.SetRequest{Ref: "secret://a", Tags: map[string]string{"a": "b"}})
			return err
		},
	} {
		if err := call(); fault.Of(err) != fault.Unsupported || !strings.Contains(err.Error(), "liar 1.0.0 does not offer") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatusWithoutDetailKeepsItsText(t *testing.T) {
	l := honest()
	l.err = status.Error(codes.PermissionDenied, "the vault says no")
	f, err := open(t, l)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(deadline(t), "secret://a", secret.Current); fault.Of(err) != fault.AccessDenied || !strings.Contains(err.Error(), "the vault says no") {
		t.Errorf("got %v", err)
	}
}
