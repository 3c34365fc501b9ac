package host_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// The refs that are in the store before a lie is told; one of them has no bytes.
const full, empty secret.Ref = "secret://full", "secret://empty"

// fill puts secrets into the store of the show, through a plugin that is good.
func fill(t *testing.T, s *show) {
	t.Helper()
	good := newShow(t, "good")
	good.config.Choice.Plugin.Config = s.config.Choice.Plugin.Config
	a, err := host.OpenAdministrator(good.config)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	large := strings.Repeat(canary, contract.MaxValueBytes/2/len(canary)+1) // some lies are told of large values only
	for ref, value := range map[secret.Ref]string{full: large, empty: ""} {
		if _, err := a.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(value))}); err != nil {
			t.Fatal(err)
		}
	}
}

// lie is a call that a persona answers against a rule of the specification. Its
// caller must get nothing of the answer.
type lie struct {
	persona, rule string
	call          func(ctx context.Context, r *host.Resolver) (leaked bool, err error)
}

func get1(ref secret.Ref) func(context.Context, *host.Resolver) (bool, error) {
	return func(ctx context.Context, r *host.Resolver) (bool, error) {
		got, err := r.Get(ctx, ref, secret.Current)
		return len(got.Value.Reveal()) > 0 || got.Metadata.Name != "", err
	}
}

func describe1(ctx context.Context, r *host.Resolver) (bool, error) {
	got, err := r.Describe(ctx, full)
	return got.Name != "", err
}

func list1(ctx context.Context, r *host.Resolver) (bool, error) {
	got, err := r.List(ctx, provider.ListRequest{Size: 1})
	return len(got.Items) > 0 || got.Complete, err
}

func listAll(ctx context.Context, r *host.Resolver) (bool, error) {
	got, err := r.List(ctx, provider.ListRequest{Size: 10})
	return len(got.Items) > 0 || got.Complete, err
}

// secondPage asks for the page after the first.
func secondPage(ctx context.Context, r *host.Resolver) (bool, error) {
	first, err := r.List(ctx, provider.ListRequest{Size: 1})
	if err != nil || first.Next == "" {
		return true, err
	}
	got, err := r.List(ctx, provider.ListRequest{Size: 1, Token: first.Next})
	return len(got.Items) > 0 || got.Complete, err
}

func check1(ctx context.Context, r *host.Resolver) (bool, error) {
	got, err := r.Check(ctx)
	return len(got.Results) > 0, err
}

func TestLieNeverReachesTheCallerAndCountsAgainstThePlugin(t *testing.T) {
	t.Parallel()
	for _, l := range []lie{
		{"wrong-ref", "get-returns-the-ref-that-was-asked", get1(full)},
		{"no-metadata", "metadata-is-present", get1(full)},
		{"long-version", "metadata-is-short-text", get1(full)},
		{"no-empty-value", "get-value-is-present-even-when-empty", get1(empty)},
		{"too-much", "get-value-is-within-the-limit", get1(full)},
		{"huge-get", "messages-are-within-four-mebibytes", get1(full)},
		{"inflating", "messages-are-within-four-mebibytes", get1(full)},
		{"describes-another", "describe-returns-the-ref-that-was-asked", describe1},
		{"describes-absent", "metadata-is-present", func(ctx context.Context, r *host.Resolver) (bool, error) {
			got, err := r.Describe(ctx, "secret://absent")
			return got.Name != "", err
		}},
		{"no-version", "version-is-never-empty", describe1},
		{"many-tags", "metadata-is-short-text", describe1},
		{"large-pages", "list-page-is-no-larger-than-asked", list1},
		{"same-page", "list-token-is-not-that-of-its-own-page", secondPage},
		{"complete-too-early", "list-complete-proves-every-secret", list1},
		{"complete-unclaimed", "list-complete-proves-every-secret", listAll},
		{"lists-without-version", "version-is-never-empty", list1},
		{"lists-not", "claimed-capability-is-served", list1},
		{"huge-list", "messages-are-within-four-mebibytes", list1},
		{"impossible-times", "times-are-valid", describe1},
		{"lists-twice", "list-page-holds-no-name-twice", listAll},
		{"long-token", "list-token-is-short-text", list1},
		{"many-results", "check-report-is-well-formed", check1},
	} {
		t.Run(l.persona, func(t *testing.T) {
			t.Parallel()
			s := newShow(t, l.persona)
			fill(t, s)
			playOpened(t, s, []string{"broke the contract"}, host.OpenResolver, func(t *testing.T, s *show, r *host.Resolver) {
				until(t, r, 20*time.Second, supervise.Ready)
				for n := 1; n <= supervise.Budget; n++ {
					s.tell(t, r, l)
					if st := r.Status().Plugin; st.State != supervise.Degraded || !strings.Contains(st.Problem, "broke the contract") {
						t.Fatalf("after %d lies it is %s: %s", n, st.State, st.Problem)
					}
				}
				s.tell(t, r, l)
				if st := r.Status().Plugin; st.State != supervise.Quarantined {
					t.Errorf("after %d lies it is %s: %s", supervise.Budget+1, st.State, st.Problem)
				}
				unavailable(t, r, 300*time.Millisecond, "broke the contract")
				for end := time.Now().Add(10 * time.Second); len(processesOf(s.mark)) > 0; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("in quarantine still run %q", processesOf(s.mark))
					}
				}
			})
			if strings.Contains(s.logs.String(), canary) {
				t.Error("the value is in the log")
			}
		})
	}
}

// tell lets the persona lie once.
func (s *show) tell(t *testing.T, r *host.Resolver, l lie) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	leaked, err := l.call(ctx, r)
	if leaked {
		t.Error("the caller got data")
	}
	if fault.Of(err) != fault.Internal || !facade.IsViolation(err) || !strings.Contains(err.Error(), "persona 1.0.0 broke the contract") || !strings.Contains(err.Error(), l.rule) {
		t.Errorf("the caller was told %v", err)
	}
	if err != nil && (len(err.Error()) > 1000 || strings.Contains(err.Error(), canary)) {
		t.Errorf("the error quotes the answer: %.200s", err)
	}
}

func TestLieAboutAWriteSaysThatItMayHaveHappened(t *testing.T) {
	t.Parallel()
	playOpened(t, newShow(t, "sets-another"), []string{"broke the contract"}, host.OpenAdministrator, func(t *testing.T, s *show, a *host.Administrator) {
		_, err := a.Set(t.Context(), provider.SetRequest{Ref: full, Value: secret.NewValue([]byte(canary))})
		if fault.Of(err) != fault.Internal || !strings.Contains(err.Error(), "may or may not have happened") {
			t.Errorf("the caller was told %v", err)
		}
	})
}

func TestWhatIsOddAndNoLieDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, l := range []struct {
		persona string
		call    func(ctx context.Context, r *host.Resolver) (bool, error)
	}{
		{"huge-error", func(ctx context.Context, r *host.Resolver) (bool, error) {
			_, err := r.Get(ctx, full, secret.Current)
			return err != nil && len(err.Error()) < 5000, nil
		}},
		{"wrong-code", func(ctx context.Context, r *host.Resolver) (bool, error) {
			_, err := r.Get(ctx, "secret://absent", secret.Current)
			return fault.Of(err) == fault.NotFound, nil
		}},
		{"untyped", func(ctx context.Context, r *host.Resolver) (bool, error) {
			_, err := r.Get(ctx, "secret://absent", secret.Current)
			return fault.Of(err) == fault.Internal && strings.Contains(err.Error(), "an error occurred"), nil
		}},
		{"version-changes", func(ctx context.Context, r *host.Resolver) (bool, error) {
			info, err := r.Info(ctx)
			return info.Version == "1.0.0", err
		}},
	} {
		t.Run(l.persona, func(t *testing.T) {
			t.Parallel()
			s := newShow(t, l.persona)
			fill(t, s)
			playOpened(t, s, nil, host.OpenResolver, func(t *testing.T, s *show, r *host.Resolver) {
				until(t, r, 20*time.Second, supervise.Ready)
				for range supervise.Budget + 1 {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					right, err := l.call(ctx, r)
					cancel()
					if !right || err != nil {
						t.Errorf("the answer is not what the contract makes of it: %v", err)
					}
				}
				if st := r.Status().Plugin; st.State != supervise.Ready {
					t.Errorf("its state is %s: %s", st.State, st.Problem)
				}
			})
		})
	}
}
