package facade_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestWhatTheContractDoesNotAllowIsNotSent(t *testing.T) {
	type facts struct {
		name   string
		reason fault.Reason
		source fault.Source
		ask    func(context.Context, *facade.V1) error
	}
	get := func(r secret.Ref, v secret.Version) func(context.Context, *facade.V1) error {
		return func(ctx context.Context, f *facade.V1) error { _, err := f.Get(ctx, r, v); return err }
	}
	list := func(size int, token string) func(context.Context, *facade.V1) error {
		return func(ctx context.Context, f *facade.V1) error {
			_, err := f.List(ctx, provider.ListRequest{Size: size, Token: token})
			return err
		}
	}
	set := func(change func(*provider.SetRequest)) func(context.Context, *facade.V1) error {
		return func(ctx context.Context, f *facade.V1) error {
			req := provider.SetRequest{Ref: ref}
			change(&req)
			_, err := f.Set(ctx, req)
			return err
		}
	}
	longVersion := secret.Version(strings.Repeat("1", 257))
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	cases := []facts{
		{"a version that is too long", fault.InvalidRef, fault.SourceConfig, get(ref, longVersion)},
		{"a version with a control character", fault.InvalidRef, fault.SourceConfig, get(ref, "1\x00")},
		{"a page of none", fault.Internal, fault.SourceHost, list(0, "")},
		{"a page of a negative size", fault.Internal, fault.SourceHost, list(-1, "")},
		{"a page that is too large", fault.Internal, fault.SourceHost, list(1001, "")},
		{"a token that is too long", fault.Internal, fault.SourceHost, list(1, long)},
		{"a token that is no text", fault.Internal, fault.SourceHost, list(1, "\xff")},
		{"versions by a page that is too large", fault.Internal, fault.SourceHost, func(ctx context.Context, f *facade.V1) error {
			_, err := f.ListVersions(ctx, ref, provider.ListRequest{Size: 1001})
			return err
		}},
		{"an expected version that is too long", fault.InvalidRef, fault.SourceConfig, set(func(r *provider.SetRequest) { r.Expected = &longVersion })},
		{"an expiry that no timestamp holds", fault.TooLarge, fault.SourceConfig, set(func(r *provider.SetRequest) { r.Expires = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{"too many tags", fault.TooLarge, fault.SourceConfig, set(func(r *provider.SetRequest) { r.Tags = many })},
		{"a tag that is too long", fault.TooLarge, fault.SourceConfig, set(func(r *provider.SetRequest) { r.Tags = map[string]string{"k": long} })},
		{"a tag of two lines", fault.Unsupported, fault.SourceConfig, set(func(r *provider.SetRequest) { r.Tags = map[string]string{"k": "a\nb"} })},
		{"a value that is larger than the store takes", fault.TooLarge, fault.SourceConfig, set(func(r *provider.SetRequest) { r.Value = secret.NewValue(make([]byte, 101)) })},
		{"a configuration that no message holds", fault.ConfigInvalid, fault.SourceConfig, func(ctx context.Context, f *facade.V1) error {
			_, err := f.Configure(ctx, make([]byte, 4<<20))
			return err
		}},
	}
	for what, bad := range map[string]secret.Ref{
		"that is empty": "", "with a control character": "secret://a\n", "that is no text": "secret://\xff",
		"longer than the store's": "secret://0123456789abcdef", "longer than the contract's": secret.Ref(long),
	} {
		for call, ask := range map[string]func(context.Context, *facade.V1) error{
			"get":      get(bad, ""),
			"describe": func(ctx context.Context, f *facade.V1) error { _, err := f.Describe(ctx, bad); return err },
			"list versions": func(ctx context.Context, f *facade.V1) error {
				_, err := f.ListVersions(ctx, bad, provider.ListRequest{Size: 1})
				return err
			},
			"set":     set(func(r *provider.SetRequest) { r.Ref = bad }),
			"delete":  func(ctx context.Context, f *facade.V1) error { return f.Delete(ctx, bad) },
			"recover": func(ctx context.Context, f *facade.V1) error { _, err := f.Recover(ctx, bad); return err },
			"purge":   func(ctx context.Context, f *facade.V1) error { return f.Purge(ctx, bad) },
		} {
			cases = append(cases, facts{call + " of a ref " + what, fault.InvalidRef, fault.SourceConfig, ask})
		}
	}
	l := honest()
	l.info.Limits = &pb.Limits{MaxRefBytes: 20, MaxValueBytes: 100}
	f := opened(t, l)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.ask(deadline(t), f)
			var e *fault.Error
			if e, _ = err.(*fault.Error); e == nil || e.Reason != c.reason || e.Source != c.source || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v", err)
			}
			if n := l.calls.Swap(0); n != 0 {
				t.Error("it was sent")
			}
		})
	}
}

func TestWhatIsNotClaimedIsNotSent(t *testing.T) {
	l := honest()
	l.info.Capabilities = []pb.Capability{pb.Capability_CAPABILITY_WRITE}
	f := opened(t, l)
	version := secret.Version("1")
	asks := map[string]func() error{
		"LIST":    func() error { _, err := f.List(deadline(t), provider.ListRequest{Size: 1}); return err },
		"DELETE":  func() error { return f.Delete(deadline(t), ref) },
		"RECOVER": func() error { _, err := f.Recover(deadline(t), ref); return err },
		"PURGE":   func() error { return f.Purge(deadline(t), ref) },
		"VERSIONS": func() error {
			_, err := f.ListVersions(deadline(t), ref, provider.ListRequest{Size: 1})
			return err
		},
		"CONDITIONAL_SET": func() error {
			_, err := f.Set(deadline(t), provider.SetRequest{Ref: ref, Expected: &version})
			return err
		},
		"EXPIRY": func() error {
			_, err := f.Set(deadline(t), provider.SetRequest{Ref: ref, Expires: time.Now()})
			return err
		},
		"TAGS": func() error {
			_, err := f.Set(deadline(t), provider.SetRequest{Ref: ref, Tags: map[string]string{"a": "b"}})
			return err
		},
	}
	for capability, ask := range asks {
		if err := ask(); fault.Of(err) != fault.Unsupported || !strings.Contains(err.Error(), "liar 1.0.0 does not offer "+capability) {
			t.Errorf("%s: %v", capability, err)
		}
	}
	if n := l.calls.Load(); n != 0 {
		t.Errorf("%d of them were sent", n)
	}
}
