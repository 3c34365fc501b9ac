package conformance

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// setCases are about plain writes.
func setCases() []Case {
	write := []facade.Capability{facade.Write}
	return []Case{
		{Name: "set-returns-the-new-version", Page: "write.md", Level: Writer, Needs: write, About: "the ref that was asked for and the version that Describe tells", run: returnsTheVersion},
		{Name: "set-is-seen-by-the-next-get", Page: "write.md", Level: Writer, Needs: write, About: "three writes, each read at once", run: seesItself},
		{Name: "version-names-one-state-only", Page: "metadata.md", Level: Writer, Needs: write, About: "no two values have one version, and no value has the version of an earlier time again", run: versionsDiffer},
		{Name: "set-of-no-bytes-is-a-value", Page: "write.md", Level: Writer, Needs: write, About: "it is stored and does not delete", run: storesNothing},
		{Name: "set-never-cuts-a-value", Page: "write.md", Level: Writer, Needs: write, About: "sizes up to the largest that is claimed come back whole", run: storesAllSizes},
		{Name: "set-over-the-limit-is-too-large", Page: "write.md", Level: Writer, Needs: write, About: "one byte more than the largest is TOO_LARGE", run: refusesTooLarge},
		{Name: "refused-write-changes-nothing", Page: "write.md", Level: Writer, Needs: write, About: "after a write that is refused the old value is current", run: refusalsChangeNothing},
		{Name: "refusal-names-what-to-do", Page: "errors.md", Level: None, Needs: write, About: "TOO_LARGE states the limit", run: statesTheLimit},
		{Name: "set-without-the-capability-is-unsupported", Page: "write.md", Level: None, Needs: write, About: "a field whose capability is not claimed is refused, not dropped", run: refusesUnclaimedFields},
		{Name: "set-keeps-the-expiry", Page: "write.md", Level: Writer, Needs: append(write[:1:1], facade.Expiry), About: "Set and Describe tell it, to the second", run: keepsExpiry},
		{Name: "set-keeps-its-tags", Page: "write.md", Level: Writer, Needs: append(write[:1:1], facade.Tags), About: "Set and Describe tell each with its value", run: keepsTags},
		{Name: "concurrent-sets-are-applied-whole", Page: "write.md", Level: Writer, Needs: write, About: "writers of two processes: what is read is always the whole value of one", run: appliesWhole},
	}
}

func returnsTheVersion(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref := t.ref("a")
	for range 2 {
		m, err := p.set(ctx, ref, t.leaks.value(48))
		if err != nil {
			return err
		}
		if m.GetRef() != ref {
			t.failf("Set of %q answered with the ref %q", ref, m.GetRef())
		}
		described, err := p.describe(ctx, ref)
		if err != nil {
			return err
		}
		if a, b := m.GetVersion(), described.GetVersion(); a != b && a != "" && b != "" {
			t.failf("Set answered with the version %q, and Describe tells %q", a, b)
		}
	}
	return nil
}

func seesItself(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref := t.ref("a")
	for i := range 3 {
		value := t.leaks.value(48 + i)
		if _, err := p.set(ctx, ref, value); err != nil {
			return err
		}
		if err := p.holds(ctx, ref, value); err != nil {
			return fmt.Errorf("after set number %d: %w", i+1, err)
		}
	}
	return nil
}

func versionsDiffer(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref, first, second, seen := t.ref("a"), t.leaks.value(48), t.leaks.value(48), map[string]int{}
	before := ""
	for i, value := range [][]byte{first, second, first, first} {
		m, err := p.set(ctx, ref, value)
		if err != nil {
			return err
		}
		version := m.GetVersion()
		if version == "" || i == 3 && version == before {
			continue // another rule's matter; and the last one finds its value there
		}
		if n, twice := seen[version]; twice {
			t.failf("the sets number %d and %d of one secret have the version %q, expected two", n+1, i+1, version)
		}
		seen[version], before = i, version
	}
	return nil
}

func storesNothing(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref := t.ref("a")
	for _, before := range []string{"as the first value", "over another value"} {
		if _, err := p.set(ctx, ref, nil); err != nil {
			return fmt.Errorf("%s: %w", before, err)
		}
		if err := p.holds(ctx, ref, nil); err != nil {
			return fmt.Errorf("%s: %w", before, err)
		}
		if _, err := p.set(ctx, ref, t.leaks.value(48)); err != nil {
			return err
		}
	}
	return nil
}

func storesAllSizes(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	limit := t.info.Limits.MaxValueBytes
	for _, size := range []int{1, 255, 256, 257, 1000, 4095, 4096, 8191, 19_200, 65_535, 65_536, 65_537, 262_145, limit - 1, limit} {
		if size > limit {
			continue
		}
		ref, value := t.ref(fmt.Sprint(size)), t.leaks.value(size)
		if _, err := p.set(ctx, ref, value); err != nil {
			t.problem(err)
		} else if err := p.holds(ctx, ref, value); err != nil {
			t.problem(err)
		}
	}
	return nil
}

// tooLarge tries to store one byte too many.
func (t *trial) tooLarge(ctx context.Context, p *plugin, ref string) error {
	_, err := p.Set(ctx, &pb.SetRequest{Ref: ref, Value: t.leaks.value(t.info.Limits.MaxValueBytes + 1)})
	return err
}

func refusesTooLarge(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	return want(fmt.Sprintf("Set of %d bytes", t.info.Limits.MaxValueBytes+1), t.tooLarge(ctx, p, t.ref("a")), fault.TooLarge)
}

func statesTheLimit(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	err = t.tooLarge(ctx, p, t.ref("a"))
	if !isOne(err, fault.TooLarge) {
		return skipf("a value that is too large is not refused with TOO_LARGE")
	}
	if f := wire.FromError(err); !hasNumber(f.Message) {
		return fmt.Errorf("TOO_LARGE does not state the limit of %d bytes: %s", t.info.Limits.MaxValueBytes, f.Message)
	}
	return nil
}

// hasNumber lets the limit be told in any unit and with any separators.
func hasNumber(text string) bool {
	for _, r := range text {
		if '0' <= r && r <= '9' {
			return true
		}
	}
	return false
}

func refusalsChangeNothing(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	ref, value := t.ref("a"), t.leaks.value(48)
	if _, err := p.set(ctx, ref, value); err != nil {
		return err
	}
	wrong := "no such version"
	empty := ""
	tries := map[string]*pb.SetRequest{"too large a value": {Ref: ref, Value: t.leaks.value(t.info.Limits.MaxValueBytes + 1)}}
	if t.claims(facade.ConditionalSet) {
		tries["a version that is not there"] = &pb.SetRequest{Ref: ref, Value: t.leaks.value(48), ExpectedVersion: &wrong}
		tries["that nothing is there"] = &pb.SetRequest{Ref: ref, Value: t.leaks.value(48), ExpectedVersion: &empty}
	}
	for what, set := range tries {
		if _, err := p.Set(ctx, set); err == nil {
			if _, err := p.set(ctx, ref, value); err != nil {
				return err
			}
			continue // that it is refused is another rule
		}
		if err := p.holds(ctx, ref, value); err != nil {
			t.failf("after a Set that was refused (%s): %w", what, err)
		}
	}
	absent := t.ref("absent")
	if err := t.tooLarge(ctx, p, absent); err != nil {
		if got, err := p.Get(ctx, &pb.GetRequest{Ref: absent}); err == nil && len(got.GetValue()) > 0 {
			t.failf("a Set that was refused because of its size has made the secret")
		}
	}
	return nil
}

func refusesUnclaimedFields(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	empty, tried := "", 0
	for c, set := range map[facade.Capability]*pb.SetRequest{
		facade.ConditionalSet: {ExpectedVersion: &empty}, facade.Expiry: {Expires: inAnHour()}, facade.Tags: {Tags: map[string]string{"a": "b"}},
	} {
		if t.info.Capabilities.Has(c) {
			continue
		}
		tried++
		set.Ref, set.Value = t.ref(string(c)), t.leaks.value(48)
		_, err := p.Set(ctx, set)
		if err := want(fmt.Sprintf("Set with the field of %s, which is not claimed", c), err, fault.Unsupported); err != nil {
			t.problem(err)
		}
	}
	if tried == 0 {
		return skipf("the plugin claims every field of Set")
	}
	return nil
}

// described sets and returns the metadata that Set and Describe answer.
func (t *trial) described(ctx context.Context, set *pb.SetRequest) (map[string]*pb.Metadata, error) {
	p, err := t.plugin(ctx)
	if err != nil {
		return nil, err
	}
	set.Ref, set.Value = t.ref("a"), t.leaks.value(48)
	made, err := p.Set(ctx, set)
	if err != nil {
		return nil, outcome("Set", err)
	}
	described, err := p.describe(ctx, set.Ref)
	return map[string]*pb.Metadata{"Set": made.GetMetadata(), "Describe": described}, err
}

func keepsExpiry(ctx context.Context, t *trial) error {
	set := &pb.SetRequest{Expires: inAnHour()}
	answers, err := t.described(ctx, set)
	for call, m := range answers {
		if m != nil && !sameTime(m.GetExpires(), set.GetExpires()) {
			t.failf("%s tells another expiry than was set, or none", call)
		}
	}
	return err
}

func keepsTags(ctx context.Context, t *trial) error {
	set := &pb.SetRequest{Tags: map[string]string{"owner": "Ä team", "empty": "", "a:b/c": "1"}}
	answers, err := t.described(ctx, set)
	for call, m := range answers {
		for key, value := range set.GetTags() {
			if got, has := m.GetTags()[key]; m != nil && (!has || got != value) {
				t.failf("%s tells the tag %q as %q (there: %t), expected %q", call, key, got, has, value)
			}
		}
	}
	return err
}

func sameTime(a, b *timestamppb.Timestamp) bool {
	return a.IsValid() && b.IsValid() && a.AsTime().Unix() == b.AsTime().Unix()
}

// appliesWhole has writers in two processes and readers beside them. The values
// are long, so that one that was mixed or cut would show.
func appliesWhole(ctx context.Context, t *trial) error {
	const writers = 8
	p, other, err := t.pair(ctx)
	if err != nil {
		return err
	}
	ref, size := t.ref("a"), min(16<<10, t.info.Limits.MaxValueBytes)
	whole, values := map[string]bool{}, make([][]byte, writers+1)
	for i := range values {
		values[i] = t.leaks.value(size)
		whole[string(values[i])] = true
	}
	if _, err := p.set(ctx, ref, values[writers]); err != nil {
		return err
	}
	over := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() { t.readsWhole(ctx, p, ref, whole, over) })
	}
	parallel(writers, func(i int) {
		writer := p
		if i%2 == 1 {
			writer = other
		}
		if _, err := writer.set(ctx, ref, values[i]); err != nil && !isOne(err, fault.VersionConflict) {
			t.failf("one of %d writers: %w", writers, err)
		}
	})
	close(over)
	readers.Wait()
	got, _, err := p.get(ctx, ref, "")
	if err != nil {
		return err
	}
	if !whole[string(got)] {
		t.failf("after %d concurrent sets the value is none of those that were written", writers)
	}
	return nil
}

func (t *trial) readsWhole(ctx context.Context, p *plugin, ref string, whole map[string]bool, over <-chan struct{}) {
	for ctx.Err() == nil {
		select {
		case <-over:
			return
		default:
		}
		got, _, err := p.get(ctx, ref, "")
		if err != nil {
			t.failf("while others write: %w", err)
			return
		}
		if !whole[string(got)] {
			t.failf("while others write, a value was read that nobody wrote (%d bytes)", len(got))
			return
		}
	}
}
