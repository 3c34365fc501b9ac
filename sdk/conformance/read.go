package conformance

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// readCases are about Get and Describe.
func readCases() []Case {
	write, conditional := []facade.Capability{facade.Write}, []facade.Capability{facade.Write, facade.Expiry}
	return []Case{
		{Name: "get-returns-the-ref-that-was-asked", Page: "value.md", Level: Core, About: "byte by byte", run: getsItsRef},
		{Name: "get-returns-the-bytes-that-were-set", Page: "value.md", Level: Core, About: "all 256 bytes, line ends, blanks, text that looks like something", run: keepsBytes},
		{Name: "get-returns-the-version-that-was-asked", Page: "value.md", Level: Core, About: "the current one by its name, and none for a version that is not there", run: getsItsVersion},
		{Name: "get-of-no-version-returns-the-newest", Page: "value.md", Level: Writer, Needs: conditional, About: "never an older one when the newest has expired", run: neverFallsBack},
		{Name: "get-value-is-present-even-when-empty", Page: "value.md", Level: Writer, Needs: write, About: "the field is there for a value of no bytes", run: presentWhenEmpty},
		{Name: "get-is-never-answered-from-a-cache", Page: "value.md", Level: Writer, Needs: write, About: "what another process wrote is seen by the next call", run: seesOthers},
		{Name: "get-of-an-absent-secret-is-not-found", Page: "value.md", Level: Core, About: "NOT_FOUND, never an empty value", run: getsNothing},
		{Name: "describe-returns-the-ref-that-was-asked", Page: "metadata.md", Level: Core, About: "byte by byte", run: describesItsRef},
		{Name: "describe-of-an-absent-secret-is-not-found", Page: "metadata.md", Level: Core, About: "NOT_FOUND, never an empty answer", run: describesNothing},
		{Name: "describe-shows-what-get-would-refuse", Page: "metadata.md", Level: Writer, Needs: conditional, About: "a secret that expired is still described", run: describesExpired},
		{Name: "describe-tells-what-get-tells", Page: "metadata.md", Level: Core, About: "the same metadata in both answers", run: tellsTheSame},
	}
}

func getsItsRef(ctx context.Context, t *trial) error {
	sub, p, err := t.subjectAndPlugin(ctx)
	if err != nil {
		return err
	}
	_, m, err := p.get(ctx, sub.ref, "")
	if err == nil && m.GetRef() != sub.ref {
		err = fmt.Errorf("Get of %q answered with the ref %q", sub.ref, m.GetRef())
	}
	return err
}

func describesItsRef(ctx context.Context, t *trial) error {
	sub, p, err := t.subjectAndPlugin(ctx)
	if err != nil {
		return err
	}
	m, err := p.describe(ctx, sub.ref)
	if err == nil && m.GetRef() != sub.ref {
		err = fmt.Errorf("Describe of %q answered with the ref %q", sub.ref, m.GetRef())
	}
	return err
}

func (t *trial) subjectAndPlugin(ctx context.Context) (subject, *plugin, error) {
	sub, err := t.subject(ctx)
	if err != nil {
		return sub, nil, err
	}
	p, err := t.plugin(ctx)
	return sub, p, err
}

// contents are values that stores which take bytes for text are known to change.
func (t *trial) contents() map[string][]byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	back := slices.Clone(all)
	slices.Reverse(back)
	mark := t.leaks.value(40)
	return map[string][]byte{
		"all 256 bytes":                  all,
		"all 256 bytes backwards":        back,
		"one byte":                       []byte("x"),
		"one NUL":                        {0},
		"NULs at the end":                append(slices.Clone(mark), 0, 0, 0),
		"line ends of all kinds":         slices.Concat([]byte("\r\n"), mark, []byte("\n\r\n\r\n\n")),
		"blanks around":                  slices.Concat([]byte(" \t "), mark, []byte(" \u00a0 ")),
		"bytes that are no UTF-8":        slices.Concat([]byte("\xff\xfe\xc0\xaf\xed\xa0\x80"), mark, []byte("\xf5\x80")),
		"a byte order mark":              slices.Concat([]byte("\xef\xbb\xbf"), mark),
		"text that looks like Base64":    []byte("QUJDRA=="),
		"text that looks like JSON":      []byte(`{"value":"x","a":[null,1e400]}`),
		"text that looks like a quote":   []byte(`"'` + "`" + `\"\\'`),
		"text that looks like a format":  []byte("%s%n%d%%{0}$(id)${HOME}"),
		"text that looks like a number":  []byte("007"),
		"text of many scripts":           []byte("e\u0301é日本語\U0001f511\u2028"),
		"the words of an absent value":   []byte("null"),
		"a value that ends in a newline": append(slices.Clone(mark), '\n'),
	}
}

func keepsBytes(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	for _, seed := range t.config.Seeds {
		if err := p.holds(ctx, seed.Ref, seed.Value); err != nil {
			t.failf("%q: %w", seed.Ref, err)
		}
	}
	if !t.claims(facade.Write) {
		if len(t.config.Seeds) == 0 {
			_, err = t.subject(ctx)
		}
		return err
	}
	for what, value := range t.contents() {
		ref := t.ref(what)
		if len(value) > t.info.Limits.MaxValueBytes {
			continue
		}
		if _, err := p.set(ctx, ref, value); err != nil {
			t.failf("%s: %w", what, err)
		} else if err := p.holds(ctx, ref, value); err != nil {
			t.failf("%s: %w", what, err)
		}
	}
	return nil
}

func getsItsVersion(ctx context.Context, t *trial) error {
	sub, p, err := t.subjectAndPlugin(ctx)
	if err != nil {
		return err
	}
	described, err := p.describe(ctx, sub.ref)
	if err != nil || described.GetVersion() == "" {
		return err // that it is never empty is another rule
	}
	value, m, err := p.get(ctx, sub.ref, described.GetVersion())
	if err != nil {
		return fmt.Errorf("of the current version by its name: %w", err)
	}
	if m.GetVersion() != described.GetVersion() {
		t.failf("Get of version %q answered with version %q", described.GetVersion(), m.GetVersion())
	}
	if d := differ(value, sub.value); d != "" {
		t.failf("Get of the current version by its name: %s", d)
	}
	for _, version := range []string{"999999999", "ffffffffffffffffffffffffffffffff", "no such version", "../1", "-1", "0x1", "1'"} {
		if version == described.GetVersion() {
			continue
		}
		_, err := p.Get(ctx, &pb.GetRequest{Ref: sub.ref, Version: version})
		if err := want(fmt.Sprintf("Get of version %q, which is not there", version), err, fault.NotFound); err != nil {
			t.problem(err)
		}
	}
	return nil
}

// expiring makes a secret whose newest version expires soon, and waits for it.
func (t *trial) expiring(ctx context.Context, p *plugin) (ref string, old, newest []byte, err error) {
	ref, old, newest = t.ref("expiring"), t.leaks.value(48), t.leaks.value(48)
	if _, err = p.set(ctx, ref, old); err != nil {
		return
	}
	at := soonExpired()
	if _, err = p.Set(ctx, &pb.SetRequest{Ref: ref, Value: newest, Expires: timestamppb.New(at)}); err != nil {
		return ref, old, newest, outcome("Set with an expiry a moment ahead", err)
	}
	sleep(ctx, untilExpired(at))
	return
}

func neverFallsBack(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref, old, newest, err := t.expiring(ctx, p)
	if err != nil {
		return err
	}
	got, err := p.Get(ctx, &pb.GetRequest{Ref: ref})
	switch {
	case isOne(err, fault.Expired, fault.NotFound):
	case err != nil:
		return want("Get of a secret whose newest version has expired", err, fault.Expired)
	case bytes.Equal(got.GetValue(), old):
		t.failf("Get returned the version before the newest, which has expired; expected the newest or EXPIRED")
	case !bytes.Equal(got.GetValue(), newest):
		t.failf("Get of the newest version: %s", differ(got.GetValue(), newest))
	}
	return nil
}

func describesExpired(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref, _, _, err := t.expiring(ctx, p)
	if err != nil {
		return err
	}
	if _, err := p.describe(ctx, ref); err != nil {
		return fmt.Errorf("of a secret that has expired: %w", err)
	}
	return nil
}

func presentWhenEmpty(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref := t.ref("empty")
	if _, err := p.set(ctx, ref, nil); err != nil {
		return skipf("a value of no bytes cannot be set: see set-of-no-bytes-is-a-value")
	}
	got, err := p.Get(ctx, &pb.GetRequest{Ref: ref})
	if err == nil && got.Value == nil {
		return fmt.Errorf("Get of a value of no bytes answered without the field value, expected it to be there and empty")
	}
	return nil
}

func seesOthers(ctx context.Context, t *trial) error {
	p, other, err := t.pair(ctx)
	if err != nil {
		return err
	}
	ref := t.ref("shared")
	first, second := t.leaks.value(48), t.leaks.value(48)
	if _, err := p.set(ctx, ref, first); err != nil {
		return err
	}
	if err := p.holds(ctx, ref, first); err != nil {
		return err
	}
	before, err := p.describe(ctx, ref)
	if err != nil {
		return err
	}
	if _, err := other.set(ctx, ref, second); err != nil {
		return fmt.Errorf("through another process: %w", err)
	}
	if err := p.holds(ctx, ref, second); err != nil {
		t.failf("after another process has set the secret: %w", err)
	}
	after, err := p.describe(ctx, ref)
	if err != nil {
		return err
	}
	if v := after.GetVersion(); v != "" && v == before.GetVersion() {
		t.failf("Describe still tells version %q after another process has set the secret", v)
	}
	return nil
}

func getsNothing(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	for _, version := range []string{"", "1"} {
		_, err := p.Get(ctx, &pb.GetRequest{Ref: t.ref("absent"), Version: version})
		if err := want(fmt.Sprintf("Get of a secret that is not there, version %q", version), err, fault.NotFound); err != nil {
			t.problem(err)
		}
	}
	return nil
}

func describesNothing(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	_, err = p.Describe(ctx, &pb.DescribeRequest{Ref: t.ref("absent")})
	return want("Describe of a secret that is not there", err, fault.NotFound)
}

func tellsTheSame(ctx context.Context, t *trial) error {
	sub, p, err := t.subjectAndPlugin(ctx)
	if err != nil {
		return err
	}
	described, err := p.describe(ctx, sub.ref)
	if err != nil {
		return err
	}
	_, got, err := p.get(ctx, sub.ref, "")
	if err != nil {
		return err
	}
	if d := unequal(described, got); d != "" {
		t.failf("Describe and Get tell different things of one version, as in the field %s", d)
	}
	return nil
}

// unequal names a field in which two messages about one version differ. What
// one of them leaves out is not compared: that is another rule's matter.
func unequal(a, b *pb.Metadata) string {
	at := func(x *timestamppb.Timestamp) string {
		if x == nil {
			return ""
		}
		return x.AsTime().String()
	}
	for _, f := range []struct{ name, a, b string }{
		{"version", a.GetVersion(), b.GetVersion()},
		{"created", at(a.GetCreated()), at(b.GetCreated())}, {"updated", at(a.GetUpdated()), at(b.GetUpdated())},
		{"expires", at(a.GetExpires()), at(b.GetExpires())}, {"tags", fmt.Sprint(a.GetTags()), fmt.Sprint(b.GetTags())},
		{"disabled", fmt.Sprint(a.GetDisabled()), fmt.Sprint(b.GetDisabled())},
	} {
		if f.a != "" && f.b != "" && f.a != f.b {
			return f.name
		}
	}
	return ""
}
