package facade_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// script is a connection on which every answer but that to GetInfo is answer.
type script struct {
	grpc.ClientConnInterface
	info, answer []byte
	reply        any // the last one
}

func (w *script) Invoke(_ context.Context, method string, _, reply any, _ ...grpc.CallOption) error {
	raw := w.answer
	w.reply = reply
	if strings.HasSuffix(method, "/GetInfo") {
		raw = w.info
	}
	if err := proto.Unmarshal(raw, reply.(proto.Message)); err != nil {
		return status.Error(codes.Internal, "no message")
	}
	return nil
}

func encoded(t testing.TB, m proto.Message) []byte {
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// FuzzAnswers looks at what comes through with eyes of its own, not with those
// of the rules.
func FuzzAnswers(f *testing.F) {
	l := honest()
	l.get.Metadata, l.describe.Metadata = full(), full()
	names := slices.Sorted(maps.Keys(calls()))
	for i := range names {
		for _, m := range []proto.Message{l.configure, l.check, l.describe, l.get, l.list, l.versions, l.set, l.recover, l.info} {
			f.Add(uint8(i), encoded(f, m))
		}
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	}
	f.Fuzz(func(t *testing.T, call uint8, raw []byte) {
		name := names[int(call)%len(names)]
		v1, err := facade.OpenV1(t.Context(), &script{info: encoded(t, honest().info), answer: raw})
		if err != nil {
			t.Fatal(err)
		}
		got, err := calls()[name](t.Context(), v1)
		if err != nil {
			if got != nil && !reflect.ValueOf(got).IsZero() {
				t.Fatalf("%s failed with %v and returned %+v", name, err, got)
			}
			return
		}
		lookAt(t, name, got)
	})
}

func lookAt(t *testing.T, name string, got any) {
	switch got := got.(type) {
	case secret.Secret:
		lookAtEntry(t, got.Metadata, ref)
		if got.Metadata.Version != "1" || got.Value.IsZero() || len(got.Value.Reveal()) > 1<<20 {
			t.Fatalf("a value of %d bytes at %q", len(got.Value.Reveal()), got.Metadata.Version)
		}
	case secret.Metadata:
		lookAtEntry(t, got, ref)
	case secret.Page:
		text(t, "token", got.Next, 4096, true)
		if len(got.Items) > 2 || got.Next == "here" || got.Complete && (got.Next != "" || name == "List") {
			t.Fatalf("page: %+v", got)
		}
		for _, m := range got.Items {
			want := secret.Ref(ref)
			if name == "List" {
				want = m.Ref
			}
			lookAtEntry(t, m, want)
		}
	case diag.List:
		if len(got) > 100 {
			t.Fatalf("%d diagnostics", len(got))
		}
		for _, d := range got {
			text(t, "path", d.Path, 512, true)
			text(t, "summary", d.Summary, 1024, false)
			text(t, "detail", d.Detail, 4096, false)
		}
	case provider.CheckReport:
		text(t, "target", got.Target+got.Identity, 8192, false)
		for _, r := range got.Results {
			text(t, "name", r.Name, 64, true)
			text(t, "message", r.Message, 4096, false)
			if r.Latency < 0 || len(got.Results) > 32 {
				t.Fatalf("report: %+v", got)
			}
		}
	}
}

func lookAtEntry(t *testing.T, m secret.Metadata, want secret.Ref) {
	if m.Ref != want || m.Name == "" || m.Version == "" || len(m.Tags) > 50 {
		t.Fatalf("metadata: %+v", m)
	}
	text(t, "ref", string(m.Ref), 4096, true)
	text(t, "name", m.Name, 4096, true)
	text(t, "version", string(m.Version), 256, true)
	for k, v := range m.Tags {
		text(t, "key", k, 512, true)
		text(t, "tag", v, 512, true)
	}
	for _, at := range []int{m.Created.Year(), m.Updated.Year(), m.Expires.Year(), m.NotBefore.Year()} {
		if at < 1 || at > 9999 {
			t.Fatalf("the year %d", at)
		}
	}
}

func text(t *testing.T, what, s string, limit int, oneLine bool) {
	bad := func(r rune) bool { return unicode.IsControl(r) && (oneLine || !strings.ContainsRune("\n\r\t", r)) }
	if len(s) > limit || !utf8.ValidString(s) || strings.ContainsFunc(s, bad) {
		t.Fatalf("%s: %q", what, s)
	}
}

func FuzzInfo(f *testing.F) {
	f.Add(encoded(f, honest().info))
	configured := honest().info
	configured.ConfigSchema = folderField()
	f.Add(encoded(f, configured))
	f.Add([]byte{0x32, 0x09, 0x19, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f}) // a rate that is no number
	f.Fuzz(func(t *testing.T, raw []byte) {
		v1, err := facade.OpenV1(t.Context(), &script{info: raw})
		if err != nil {
			if fault.Of(err) != fault.Internal {
				t.Fatalf("got %v", err)
			}
			return
		}
		info := v1.Info()
		text(t, "name", info.Name, 64, true)
		text(t, "version", info.Version, 64, true)
		text(t, "commit", info.Commit, 64, true)
		limits := info.Limits
		if info.Name == "" || info.Version == "" || limits.MaxValueBytes < 1 || limits.MaxValueBytes > 1<<20 ||
			limits.MaxRefBytes < 1 || limits.MaxRefBytes > 4096 || !(limits.CallsPerSecond >= 0 && limits.CallsPerSecond < 1e308) ||
			len(info.Capabilities) > 12 || info.Schema.Err() != nil {
			t.Fatalf("got %+v", info)
		}
	})
}

func TestValueOfABrokenAnswerIsWiped(t *testing.T) {
	l := honest()
	l.get.Value, l.get.Metadata.Version = []byte(canary), ""
	conn := &script{info: encoded(t, l.info), answer: encoded(t, l.get)}
	v1, err := facade.OpenV1(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v1.Get(t.Context(), ref, secret.Current)
	got := conn.reply.(*pb.GetResponse).GetValue()
	if !facade.IsViolation(err) || len(got) != len(canary) || strings.Trim(string(got), "\x00") != "" {
		t.Errorf("%v left %q behind", err, got)
	}
}

func TestGetAllocatesOnlyWhatItReturns(t *testing.T) {
	l := honest()
	l.get.Metadata = full()
	answer := encoded(t, l.get)
	v1, err := facade.OpenV1(t.Context(), &script{info: encoded(t, l.info), answer: answer})
	if err != nil {
		t.Fatal(err)
	}
	reply := proto.Clone(l.get)
	decode := testing.AllocsPerRun(200, func() { proto.Reset(reply); _ = proto.Unmarshal(answer, reply) })
	all := testing.AllocsPerRun(200, func() {
		if _, err := v1.Get(t.Context(), ref, "1"); err != nil {
			t.Fatal(err)
		}
	})
	// The request, the reply, the options of the call, the headers of the answer
	// and the value's box.
	const own = 8
	if all > decode+own {
		t.Errorf("Get makes %v allocations beside the %v of decoding, more than %d", all-decode, decode, own)
	}
	t.Logf("decoding %v, all %v", decode, all)
}

func BenchmarkGetInTheFacade(b *testing.B) {
	l := honest()
	v1, err := facade.OpenV1(b.Context(), &script{info: encoded(b, l.info), answer: encoded(b, l.get)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v1.Get(b.Context(), ref, "1"); err != nil {
			b.Fatal(err)
		}
	}
}
