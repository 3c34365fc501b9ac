package plan_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/plan"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
)

const canary = "canary-7a31-value"

type world struct {
	*testing.T
	from, to *fakestore.Fake
	ledger   *ledger.Ledger
	folder   string
	config   plan.Config
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, from: fakestore.New("s"), to: fakestore.New("t"), folder: t.TempDir()}
	var err error
	if w.ledger, err = ledger.Open(t.Context(), ledger.Config{Folder: w.folder, Create: true, Who: "user ann", Host: "h1"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.ledger != nil {
			_ = w.ledger.Close()
		}
	})
	w.config = plan.Config{Ledger: w.ledger, Fingerprints: stores.NewFingerprints(), Concurrency: 4, Uses: map[secret.Ref][]string{}}
	return w
}

func (w *world) make() plan.Result {
	w.Helper()
	if w.config.Pair == nil {
		w.config.Pair = &stores.Pair{From: w.from.Store(), To: w.to.Store()}
	}
	r, err := plan.Make(w.Context(), w.config)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// verdict of ref after a plan.
func (w *world) verdict(ref secret.Ref) ledger.Entry {
	w.Helper()
	e, err := w.ledger.Entry(w.Context(), ref)
	if err != nil {
		w.Fatal(err)
	}
	return e
}

func refuse(reason fault.Reason, text string, calls ...string) func(string, secret.Ref) error {
	return func(call string, ref secret.Ref) error {
		for _, c := range calls {
			if c == call && ref != "" {
				return fault.New(reason, fault.SourceBackend, text)
			}
		}
		return nil
	}
}

func TestVerdicts(t *testing.T) {
	const ref = secret.Ref("secret://a")
	for name, c := range map[string]struct {
		arrange func(*world)
		want    ledger.Verdict
		says    string
	}{
		"nothing in the target is to be created": {func(w *world) { w.from.Put(ref, canary) }, ledger.Create, ""},
		"the same value is the same":             {func(w *world) { w.from.Put(ref, canary); w.to.Put(ref, canary) }, ledger.Same, ""},
		"another value differs":                  {func(w *world) { w.from.Put(ref, canary); w.to.Put(ref, "x") }, ledger.Differs, "another value"},
		"an empty value is a value": {func(w *world) { w.from.Put(ref, ""); w.to.Put(ref, "x") },
			ledger.Differs, "another value"},
		"a disabled entry of the target differs": {func(w *world) {
			w.from.Put(ref, canary)
			w.to.Put(ref, canary)
			w.to.Change(ref, func(e *fakestore.Entry) { e.Meta.Disabled = true })
		}, ledger.Differs, "disabled in t"},
		"a deleted entry of the target is soft-deleted": {func(w *world) {
			w.from.Put(ref, canary)
			w.to.Put(ref, "old")
			w.to.Change(ref, func(e *fakestore.Entry) { e.Deleted = true })
		}, ledger.SoftDeleted, ""},
		"a value of one byte too many is too large": {func(w *world) {
			w.from.Put(ref, strings.Repeat("x", 19_201))
			w.limits(19_200, 0)
		}, ledger.TooLarge, "19200 bytes"},
		"a value that just fits is not": {func(w *world) {
			w.from.Put(ref, strings.Repeat("x", 19_200))
			w.limits(19_200, 0)
		}, ledger.Create, ""},
		"a ref that is too long is too large": {func(w *world) { w.from.Put(ref, canary); w.limits(0, 5) }, ledger.TooLarge, "the ref has 10 bytes"},
		"a disabled secret is unreadable": {func(w *world) {
			w.from.Put(ref, canary)
			w.from.Change(ref, func(e *fakestore.Entry) { e.Meta.Disabled = true })
		}, ledger.Unreadable, "disabled in s"},
		"a secret of another host is unreadable": {func(w *world) {
			w.from.Put(ref, canary)
			w.from.Before = refuse(fault.Undecryptable, "bound to host b", "get")
		}, ledger.Unreadable, "bound to host b"},
		"a secret that a connector needs and nobody set is unreadable": {func(w *world) {
			w.config.Uses[ref] = []string{"hr"}
		}, ledger.Unreadable, "connectors need it (hr)"},
		"no right to read the target": {func(w *world) {
			w.from.Put(ref, canary)
			w.to.Before = refuse(fault.AccessDenied, "ForbiddenByRbac", "get", "describe")
		}, ledger.NoPermission, "ForbiddenByRbac"},
		"no right to write to the target": {func(w *world) {
			w.from.Put(ref, canary)
			w.check(provider.CheckResult{Name: "write", Message: "INSERT was denied"})
		}, ledger.NoPermission, "INSERT was denied"},
		"a target that cannot be written": {func(w *world) {
			w.from.Put(ref, canary)
			w.pair().To.Info.Capabilities = facade.Capabilities{facade.List}
		}, ledger.NoPermission, "does not write"},
		"without a right to write, what is there already is the same": {func(w *world) {
			w.from.Put(ref, canary)
			w.to.Put(ref, canary)
			w.check(provider.CheckResult{Name: "write", Message: "INSERT was denied"})
		}, ledger.Same, ""},
		"a name that two refs have is a collision": {func(w *world) {
			w.from.Put(ref, canary)
			w.from.Put("secret://b", canary)
			w.config.Name = func(string) string { return "im-same" }
		}, ledger.NameCollision, "im-same, is that of secret://b"},
		"a name that another secret of the target has is one too": {func(w *world) {
			w.from.Put(ref, canary)
			w.to.Put("secret://other", canary)
			w.to.Change("secret://other", func(e *fakestore.Entry) { e.Meta.Name = naming.Name(string(ref)) })
		}, ledger.NameCollision, "is that of secret://other"},
		"a target that cannot list is asked for each": {func(w *world) {
			w.from.Put(ref, canary)
			w.to.Put(ref, canary)
			w.to.Before = refuseList
			w.check(provider.CheckResult{Name: "list", Message: "no right to list"})
		}, ledger.Same, ""},
		"an entry known by its name only is found by a connector's ref": {func(w *world) {
			w.from.Put(ref, canary)
			w.from.Change(ref, func(e *fakestore.Entry) { e.Nameless = true })
			w.config.Uses[ref] = []string{"hr"}
		}, ledger.Create, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.arrange(w)
			r := w.make()
			e := w.verdict(ref)
			if e.Verdict != c.want || !strings.Contains(e.Reason, c.says) {
				t.Errorf("got %s (%s), want %s (%s)", e.Verdict, e.Reason, c.want, c.says)
			}
			state := ledger.Planned
			if !c.want.Runnable() {
				state = ledger.Blocked
				if e.Next == "" {
					t.Error("nobody is told what to do")
				}
			}
			if e.State != state || r.Runnable() != c.want.Runnable() {
				t.Errorf("state %s, runnable %t", e.State, r.Runnable())
			}
			if len(w.to.Sets()) > 0 {
				t.Error("the plan wrote to the target")
			}
		})
	}
}

func refuseList(call string, _ secret.Ref) error {
	if call == "list" {
		return fault.New(fault.AccessDenied, fault.SourceBackend, "no right to list")
	}
	return nil
}

func (w *world) pair() *stores.Pair {
	if w.config.Pair == nil {
		w.config.Pair = &stores.Pair{From: w.from.Store(), To: w.to.Store()}
	}
	return w.config.Pair
}

func (w *world) limits(value, ref int) {
	l := &w.pair().To.Info.Limits
	if value > 0 {
		l.MaxValueBytes = value
	}
	if ref > 0 {
		l.MaxRefBytes = ref
	}
}

func (w *world) check(results ...provider.CheckResult) { w.pair().To.Check.Results = results }

func TestAnEntryWithoutARefIsNamedAndStandsInTheWay(t *testing.T) {
	w := newWorld(t)
	w.from.Put("secret://a", canary)
	w.from.Put("secret://b", canary)
	w.from.Change("secret://b", func(e *fakestore.Entry) { e.Nameless = true })
	if r := w.make(); r.Unnamed != 1 || r.Runnable() {
		t.Errorf("%+v", r)
	}
	list, all, err := w.ledger.Unnamed(t.Context(), 10)
	if err != nil || all != 1 || list[0].Name != naming.Name("secret://b") {
		t.Errorf("%v, %d, %v", list, all, err)
	}
}

func TestAListingThatIsNotCompleteIsNoPlanForEverything(t *testing.T) {
	w := newWorld(t)
	w.from.Incomplete = true
	w.from.Put("secret://a", canary)
	if r := w.make(); r.Complete || r.Runnable() || len(r.Notes) == 0 {
		t.Errorf("%+v", r)
	}
}

func TestAnotherPlanSeesWhatChanged(t *testing.T) {
	w := newWorld(t)
	for i := range 25 {
		w.from.Put(secret.Ref(fmt.Sprintf("secret://%02d", i)), canary)
	}
	w.from.PageSize = 7
	w.config.Uses["secret://03"] = []string{"hr"}
	w.limits(1000, 0)
	w.pair().To.Info.Limits.CallsPerSecond = 30
	r := w.make()
	if r.Verdicts[ledger.Create] != 25 || r.Unused != 24 || !r.Runnable() || !w.verdict("secret://03").Used {
		t.Fatalf("%+v", r)
	}
	w.to.Put("secret://03", "x")
	w.from.Put("secret://04", strings.Repeat("x", 1001))
	if err := w.from.Delete(t.Context(), "secret://05"); err != nil {
		t.Fatal(err)
	}
	delete(w.config.Uses, "secret://03")
	r = w.make()
	if r.Verdicts[ledger.Create] != 22 || r.Verdicts[ledger.Differs] != 1 || r.Verdicts[ledger.TooLarge] != 1 || r.Unused != 24 || w.verdict("secret://03").Used {
		t.Errorf("%+v", r)
	}
	if err := w.to.Delete(t.Context(), "secret://03"); err != nil {
		t.Fatal(err)
	}
	w.make()
	if e := w.verdict("secret://03"); e.State != ledger.Planned || e.Verdict != ledger.SoftDeleted || e.Reason != "" {
		t.Errorf("what was in the way and is no more: %+v", e)
	}
}

func TestAStoreThatIsDownEndsThePlanAndIsNoVerdict(t *testing.T) {
	for name, call := range map[string]string{"when it is listed": "list", "when it is read": "get", "when the target is looked at": "describe"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.from.Put("secret://a", canary)
			down := func(c string, _ secret.Ref) error {
				if c == call {
					return fault.New(fault.Unavailable, fault.SourceBackend, "it is down")
				}
				return nil
			}
			w.from.Before, w.to.Before = down, down
			_, err := plan.Make(t.Context(), plan.Config{Ledger: w.ledger, Pair: w.pair(), Fingerprints: stores.NewFingerprints(), Concurrency: 2})
			if !fault.Is(errors.Unwrap(err), fault.Unavailable) && !strings.Contains(fmt.Sprint(err), "it is down") {
				t.Fatalf("got %v", err)
			}
			if counts, _ := w.ledger.Verdicts(t.Context()); counts[ledger.Unreadable]+counts[ledger.NoPermission] > 0 {
				t.Errorf("a verdict came of it: %v", counts)
			}
		})
	}
}

func TestAShortOutageIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.from.Put("secret://a", canary)
	left := 3
	w.to.Before = func(string, secret.Ref) error {
		if left--; left >= 0 {
			return fault.New(fault.Throttled, fault.SourceBackend, "slow down")
		}
		return nil
	}
	if r := w.make(); r.Verdicts[ledger.Create] != 1 {
		t.Errorf("%+v", r)
	}
}

func TestNoValueIsInTheLedger(t *testing.T) {
	w := newWorld(t)
	w.from.Put("secret://a", canary)
	w.to.Put("secret://a", canary+"2")
	w.make()
	if err := w.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	w.ledger = nil
	files, _ := filepath.Glob(filepath.Join(w.folder, "*"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil || strings.Contains(string(text), canary) {
			t.Errorf("%s: %v", f, err)
		}
	}
	if len(files) == 0 {
		t.Error("there is no ledger")
	}
}
