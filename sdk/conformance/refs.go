package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
)

// refCases are about the names of secrets.
func refCases() []Case {
	write := []facade.Capability{facade.Write}
	return []Case{
		{Name: "ref-is-checked-and-never-changed", Page: "README.md", Level: Core, About: "refs that are empty, too long or hold control characters are INVALID_REF", run: refusesBadRefs},
		{Name: "refs-are-the-same-only-when-their-bytes-are", Page: "README.md", Level: Writer, Needs: write, About: "hostile refs each keep a value of their own", run: keepsRefsApart},
		{Name: "longest-ref-is-taken", Page: "README.md", Level: Core, About: "a ref of the longest length is as good as any", run: takesLongestRef},
		{Name: "name-is-the-hash-of-the-ref", Page: "README.md", Level: Writer, Needs: write, About: "Set, Get and Describe give the name that the ref makes", run: namesByHash},
	}
}

func refusesBadRefs(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	for what, ref := range map[string]string{
		"an empty ref": "", "a ref with a line feed": t.ref("a\nb"), "a ref with a NUL": t.ref("a\x00b"), "a ref with a tab": t.ref("a\tb"),
		"a ref with a DEL": t.ref("a\x7fb"), "a ref with a next line (U+0085)": t.ref("a\u0085b"),
		fmt.Sprintf("a ref of %d bytes", t.info.Limits.MaxRefBytes+1): t.long(t.info.Limits.MaxRefBytes + 1),
	} {
		_, err := p.Get(ctx, &pb.GetRequest{Ref: ref})
		t.invalid("Get of "+what, err)
		_, err = p.Describe(ctx, &pb.DescribeRequest{Ref: ref})
		t.invalid("Describe of "+what, err)
		if t.claims(facade.Write) {
			_, err = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: []byte("x")})
			t.invalid("Set of "+what, err)
		}
		if t.claims(facade.Delete) {
			_, err = p.Delete(ctx, &pb.DeleteRequest{Ref: ref})
			t.invalid("Delete of "+what, err)
		}
		if t.claims(facade.Versions) {
			_, err = p.ListVersions(ctx, &pb.ListVersionsRequest{Ref: ref, PageSize: 1})
			t.invalid("ListVersions of "+what, err)
		}
	}
	return nil
}

func (t *trial) invalid(call string, err error) {
	if err := want(call, err, fault.InvalidRef); err != nil {
		t.problem(err)
	}
}

// long returns a ref of exactly n bytes.
func (t *trial) long(n int) string {
	ref := t.ref("long-")
	return ref + strings.Repeat("x", max(0, n-len(ref)))
}

// hostile are endings of refs that careless programs change, cut or take for one
// another.
func hostile() []string {
	return []string{
		"a", "A", "a ", " a", "a  ", "a\u00a0", "a.", "a..", ".", "..", "...", "a/", "a//", "/a", "a/b", "a//b", "a/./b", "a/../b", "../a",
		"../../../../etc/passwd", `..\..\a`, `a\b`, `C:\a`, "a:b", "a|b", "a<b>", "a*", "a?", "a?b=c", "a#b", "a&b", "a=b", "a+b", "a,b", "a;b", "a@b", "a!",
		"a%20", "a%2F", "a%2f", "a%00", "a%", "%a", "%s%n%x", "a'", "a''", "a' OR '1'='1", `a"`, `a";--`, "a`id`", "$(id)", "${a}", "{{a}}", "a_b", "a%b",
		"~a", "-a", "--a", "con", "CON", "nul", "aux.txt", "é", "e\u0301", "É", "ß", "ss", "ẞ", "i", "İ", "ı", "Ω", "\u2126", "K", "\u212a", "ﬀ", "ff",
		"a\u200bb", "ab", "a\u200db", "\u202eab", "\ufeffa", "a\u2028b", "日本語", "\U0001f511", "a\ufffdb", "[1]", `{"a":1}`, "<a/>", "NULL", "null", "true", "0", "00", "0x0",
		strings.Repeat("d/", 100) + "a", strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("ü", 500),
	}
}

func keepsRefsApart(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	refs := []string{"conformance/" + t.run + "/no-scheme", "Secret://conformance/" + t.run + "/scheme", t.prefix() + t.kase.Name}
	for _, tail := range hostile() {
		if ref := t.ref(tail); len(ref) <= t.info.Limits.MaxRefBytes {
			refs = append(refs, ref)
		}
	}
	values := make([][]byte, len(refs))
	turns := make(chan struct{}, 2*atOnce)
	each := func(do func(i int) error) {
		parallel(len(refs), func(i int) {
			turns <- struct{}{}
			defer func() { <-turns }()
			if values[i] == nil {
				return
			}
			if err := do(i); err != nil {
				t.failf("the ref %q: %w", refs[i], err)
				values[i] = nil
			}
		})
	}
	for i := range values {
		values[i] = t.leaks.value(48)
	}
	each(func(i int) error { _, err := p.set(ctx, refs[i], values[i]); return err })
	each(func(i int) error { return p.holds(ctx, refs[i], values[i]) })
	return nil
}

func takesLongestRef(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref := t.long(t.info.Limits.MaxRefBytes)
	what := fmt.Sprintf("Describe of an absent ref of %d bytes", len(ref))
	_, err = p.Describe(ctx, &pb.DescribeRequest{Ref: ref})
	if isOne(err, fault.InvalidRef) {
		return fmt.Errorf("%s: got %s, expected it to be taken", what, told(err))
	}
	if !t.claims(facade.Write) {
		return nil
	}
	value := t.leaks.value(48)
	if _, err := p.set(ctx, ref, value); err != nil {
		return fmt.Errorf("a ref of %d bytes: %w", len(ref), err)
	}
	return p.holds(ctx, ref, value)
}

func namesByHash(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	for _, ref := range []string{t.ref("a"), t.ref("Ä b")} {
		set, err := p.set(ctx, ref, t.leaks.value(48))
		if err != nil {
			return err
		}
		_, got, err := p.get(ctx, ref, "")
		if err != nil {
			return err
		}
		described, err := p.describe(ctx, ref)
		if err != nil {
			return err
		}
		for call, name := range map[string]string{"Set": set.GetName(), "Get": got.GetName(), "Describe": described.GetName()} {
			if want := naming.Name(ref); name != want {
				t.failf("%s names %q, expected %s", call, name, want)
			}
		}
	}
	return nil
}
