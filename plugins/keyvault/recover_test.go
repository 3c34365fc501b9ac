package keyvault_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/fakevault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func (w *world) recover(ref secret.Ref) (secret.Metadata, error) {
	m, err := w.Recover(w.ctx(), ref)
	w.said = append(w.said, fmt.Sprintf("%+v", m))
	return m, w.note(err)
}

func (w *world) purge(ref secret.Ref) error { return w.note(w.Purge(w.ctx(), ref)) }

const slowly = 20 * time.Second

func lost(method string, applied bool) fakevault.Answer {
	return fakevault.Answer{Method: method, Status: 504, Apply: applied}
}

func (w *world) wantLog(what string) {
	w.t.Helper()
	want := fmt.Sprintf(`"level":"INFO","msg":"%s","ref":"%s","name":"%s"}`, what, ref, nameOf(ref))
	if !strings.Contains(w.logs.String(), want) {
		w.t.Errorf("no line %s in\n%s", want, w.logs.String())
	}
}

func TestADeleteIsOverWhenTheDeletedSecretCanBeRecovered(t *testing.T) {
	w := newWorld(t, setting{fake: fakevault.Config{Rules: fakevault.Rules{Deleting: slowly}}})
	m := w.mustSet(ref, canary)
	w.mustDelete(ref)
	w.wantLog("secret deleted from key vault")
	if slept := w.clock.total(); slept < slowly || slept > slowly+10*time.Second {
		t.Errorf("it waited %s", slept)
	}
	_, err := w.get(ref)
	wantReason(t, err, fault.Deleted)
	wantReason(t, w.note(w.Delete(w.ctx(), ref)), fault.Deleted)
	if back, err := w.recover(ref); err != nil || back.Version != m.Version {
		t.Errorf("got %+v, %v", back, err)
	}
}

func TestADeleteIsNotFailedByWhatComesAfterIt(t *testing.T) {
	t.Run("when the deadline is near", func(t *testing.T) {
		w := newWorld(t, setting{fake: fakevault.Config{Rules: fakevault.Rules{Deleting: slowly}}})
		w.mustSet(ref, canary)
		if err := w.note(w.Delete(within(t, 1300*time.Millisecond), ref)); err != nil || len(w.clock.slept) > 0 {
			t.Errorf("got %v after %s", err, w.clock.total())
		}
		_, err := w.get(ref)
		wantReason(t, err, fault.NotFound)
	})
	t.Run("when the deleted secret may not be seen", func(t *testing.T) {
		w := newWorld(t, setting{fake: fakevault.Config{Rules: fakevault.Rules{Deleting: slowly}}})
		w.mustSet(ref, canary)
		w.fake.Grant(w.fake.ClientID, fakevault.Delete)
		w.mustDelete(ref)
	})
}

func TestChangesOfWhatIsInTransitionWaitForItsEnd(t *testing.T) {
	rules := fakevault.Rules{Deleting: slowly, Recovering: slowly, Settling: slowly}
	tests := map[string]struct {
		recovering bool
		do         func(*world) error
		least      time.Duration
		want       fault.Reason
	}{
		"recovering what is being deleted":   {false, func(w *world) error { _, err := w.recover(ref); return err }, 2 * slowly, fault.OK},
		"purging what is being deleted":      {false, func(w *world) error { return w.purge(ref) }, slowly, fault.OK},
		"recovering what is being recovered": {true, func(w *world) error { _, err := w.recover(ref); return err }, 2 * slowly, fault.AlreadyExists},
		"purging what is being recovered":    {true, func(w *world) error { return w.purge(ref) }, 2 * slowly, fault.AlreadyExists},
		"deleting what is being recovered":   {true, func(w *world) error { return w.note(w.Delete(w.ctx(), ref)) }, 3 * slowly, fault.OK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{fake: fakevault.Config{Rules: rules}})
			w.mustSet(ref, canary)
			w.fake.Delete(host, nameOf(ref))
			if tt.recovering {
				w.clock.advance(slowly)
				// It answers that time is short, and the vault goes on by itself.
				_, err := w.Recover(within(t, 1300*time.Millisecond), ref)
				wantReason(t, w.note(err), fault.Timeout, "still being recovered", "the vault finishes it by itself", string(ref), nameOf(ref), host)
			}
			if err := tt.do(w); fault.Of(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if slept := w.clock.total(); slept < tt.least || slept > tt.least+15*time.Second {
				t.Errorf("it waited %s, want about %s", slept, tt.least)
			}
		})
	}
}

func TestARecoverIsOverWhenTheOldValueIsBack(t *testing.T) {
	w, m := deletedWorld(t, fakevault.Rules{Recovering: slowly})
	back, err := w.recover(ref)
	if err != nil || back.Version != m.Version || back.Ref != ref || back.Name != m.Name {
		t.Fatalf("got %+v, %v", back, err)
	}
	w.wantLog("deleted secret recovered in key vault")
	w.mustHold(ref, "before")
	if described, err := w.describe(ref); err != nil || described.Version != back.Version {
		t.Errorf("got %+v, %v", described, err)
	}
}

func TestWhoeverMayNotLookTakesTheVaultsWord(t *testing.T) {
	t.Run("for a recovery", func(t *testing.T) {
		w, m := deletedWorld(t, fakevault.Rules{Recovering: slowly})
		w.fake.Grant(w.fake.ClientID, fakevault.Recover)
		if back, err := w.recover(ref); err != nil || back.Version != m.Version || len(w.clock.slept) > 0 {
			t.Errorf("got %+v, %v", back, err)
		}
	})
	t.Run("for a purge", func(t *testing.T) {
		w, _ := deletedWorld(t, fakevault.Rules{})
		w.fake.Grant(w.fake.ClientID, fakevault.Purge)
		if err := w.purge(ref); err != nil || len(w.clock.slept) > 0 {
			t.Errorf("got %v", err)
		}
	})
}

func TestAPurgedSecretIsGone(t *testing.T) {
	w, _ := deletedWorld(t, fakevault.Rules{})
	if err := w.purge(ref); err != nil {
		t.Fatal(err)
	}
	w.wantLog("deleted secret purged from key vault")
	_, err := w.get(ref)
	wantReason(t, err, fault.NotFound)
	_, err = w.recover(ref)
	wantReason(t, err, fault.NotFound, "no deleted secret of that name, nor one in use", "try again", string(ref), nameOf(ref), host)
	wantReason(t, w.purge(ref), fault.NotFound, "no deleted secret of that name, nor one in use")
}

func TestASecretInUseIsNeitherRecoveredNorPurged(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	_, err := w.recover(ref)
	wantReason(t, err, fault.AlreadyExists, "in use", string(ref), nameOf(ref), host)
	wantReason(t, w.purge(ref), fault.AlreadyExists, "in use", "left as it is")
	w.mustHold(ref, canary)
	for what, said := range map[string]string{"recovered": "secret recovered", "purged": "secret purged"} {
		if strings.Contains(w.logs.String(), said) {
			t.Errorf("the log says that it was %s", what)
		}
	}
}

func TestAMissingRightIsNotTakenForPurgeProtection(t *testing.T) {
	t.Run("purge protection", func(t *testing.T) {
		w, _ := deletedWorld(t, fakevault.Rules{PurgeProtection: true, RetentionDays: 7})
		f := wantReason(t, w.purge(ref), fault.AccessDenied, "purge protection", "no role helps", "by itself on 20", string(ref), nameOf(ref), host)
		if f.RequestID == "" || strings.Contains(f.Message, "Key Vault Secrets Officer, ") {
			t.Errorf("got %v", f)
		}
		if _, err := w.recover(ref); err != nil {
			t.Errorf("it cannot be recovered: %v", err)
		}
	})
	t.Run("no right", func(t *testing.T) {
		w, _ := deletedWorld(t, fakevault.Rules{})
		w.fake.Grant(w.fake.ClientID, fakevault.Get, fakevault.List, fakevault.Recover)
		f := wantReason(t, w.purge(ref), fault.AccessDenied, "purge secrets", "Key Vault Secrets Officer", string(ref), nameOf(ref))
		if strings.Contains(f.Message, "protection") {
			t.Errorf("got %v", f)
		}
	})
	t.Run("no right, and the secret is in use", func(t *testing.T) {
		w := newWorld(t, setting{})
		w.mustSet(ref, canary)
		w.fake.Grant(w.fake.ClientID, fakevault.Get, fakevault.List)
		wantReason(t, w.purge(ref), fault.AlreadyExists, "in use")
	})
	t.Run("no right to recover", func(t *testing.T) {
		w, _ := deletedWorld(t, fakevault.Rules{})
		w.fake.Grant(w.fake.ClientID, fakevault.Get, fakevault.List)
		_, err := w.recover(ref)
		wantReason(t, err, fault.AccessDenied, "recover secrets", "Key Vault Secrets Officer")
	})
}

func TestAChangeWhoseAnswerWasLostIsLookedFor(t *testing.T) {
	for name, applied := range map[string]bool{"a delete that was made": true, "a delete that was not": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{fake: fakevault.Config{Rules: fakevault.Rules{Deleting: slowly}}})
			w.mustSet(ref, canary)
			w.fake.Fail(lost("DELETE", applied))
			w.mustDelete(ref)
			_, err := w.get(ref)
			wantReason(t, err, fault.Deleted)
		})
	}
	t.Run("a delete that never is", func(t *testing.T) {
		w := newWorld(t, setting{})
		w.mustSet(ref, canary)
		a := lost("DELETE", false)
		a.Times = -1
		w.fake.Fail(a)
		wantReason(t, w.note(w.Delete(w.ctx(), ref)), fault.Unavailable, "may or may not", "504")
		if n := w.asked("DELETE", "/secrets"); n != 3 || strings.Contains(w.logs.String(), "deleted from") {
			t.Errorf("it was sent %d times, or is said to be deleted", n)
		}
		w.mustHold(ref, canary)
	})
	t.Run("a delete, when no time is left", func(t *testing.T) {
		w := newWorld(t, setting{})
		w.mustSet(ref, canary)
		w.fake.Fail(lost("DELETE", false))
		wantReason(t, w.note(w.Delete(within(t, 1300*time.Millisecond), ref)), fault.Unavailable, "may or may not", "504")
	})
	t.Run("a recovery that was begun", func(t *testing.T) {
		w, m := deletedWorld(t, fakevault.Rules{Recovering: slowly, Settling: slowly})
		w.fake.Fail(lost("POST", true))
		if back, err := w.recover(ref); err != nil || back.Version != m.Version {
			t.Errorf("got %+v, %v", back, err)
		}
		w.mustHold(ref, "before")
	})
	t.Run("a recovery that was not", func(t *testing.T) {
		w, m := deletedWorld(t, fakevault.Rules{})
		w.fake.Fail(lost("POST", false))
		if back, err := w.recover(ref); err != nil || back.Version != m.Version {
			t.Errorf("got %+v, %v", back, err)
		}
	})
	t.Run("a recovery that never is", func(t *testing.T) {
		w, _ := deletedWorld(t, fakevault.Rules{})
		a := lost("POST", false)
		a.Times = -1
		w.fake.Fail(a)
		_, err := w.recover(ref)
		wantReason(t, err, fault.Unavailable, "may or may not", "504")
		if n := w.asked("POST", "/deletedsecrets"); n != 3 {
			t.Errorf("it was sent %d times", n)
		}
	})
	for name, applied := range map[string]bool{"a purge that was made": true, "a purge that was not": false} {
		t.Run(name, func(t *testing.T) {
			w, _ := deletedWorld(t, fakevault.Rules{})
			w.fake.Fail(lost("DELETE", applied))
			if err := w.purge(ref); err != nil {
				t.Fatal(err)
			}
			_, err := w.get(ref)
			wantReason(t, err, fault.NotFound)
		})
	}
	t.Run("a purge that never is", func(t *testing.T) {
		w, _ := deletedWorld(t, fakevault.Rules{})
		a := lost("DELETE", false)
		a.Times = -1
		w.fake.Fail(a)
		wantReason(t, w.purge(ref), fault.Unavailable, "may or may not", "504")
		if n := w.asked("DELETE", "/deletedsecrets"); n != 3 || strings.Contains(w.logs.String(), "purged from") {
			t.Errorf("it was sent %d times, or is said to be purged", n)
		}
	})
	t.Run("a purge of what somebody recovered meanwhile", func(t *testing.T) {
		w, _ := deletedWorld(t, fakevault.Rules{})
		w.fake.Fail(lost("DELETE", false))
		w.clock.asleep = func() { _, _ = w.Recover(w.ctx(), ref) }
		wantReason(t, w.purge(ref), fault.AlreadyExists, "in use")
	})
}

func TestWhatIsNotDeletedIsToldFromWhatCannotBeSeen(t *testing.T) {
	w := newWorld(t, setting{})
	w.mustSet(ref, canary)
	w.fake.Grant(w.fake.ClientID, fakevault.Recover, fakevault.Purge)
	_, err := w.recover(ref)
	wantReason(t, err, fault.NotFound, "takes the right to list")
	wantReason(t, w.purge(ref), fault.NotFound, "takes the right to list")
	w.fake.Grant(w.fake.ClientID, fakevault.Officer()...)
	w.fake.Fail(fakevault.Answer{Method: "GET", Status: 503, Times: -1})
	_, err = w.recover(ref)
	wantReason(t, err, fault.Unavailable, "503")
}

func TestATransitionThatNeverEndsIsGivenUpAfterTwoMinutes(t *testing.T) {
	tests := map[string]struct {
		rules fakevault.Rules
		do    func(*world) error
		says  []string
	}{
		"a recovery":                {fakevault.Rules{Recovering: time.Hour}, func(w *world) error { _, err := w.recover(ref); return err }, []string{"recover", "being recovered", "describe it"}},
		"a deletion, for a recover": {fakevault.Rules{Deleting: time.Hour}, func(w *world) error { _, err := w.recover(ref); return err }, []string{"recover", "being deleted", "recover it again"}},
		"a deletion, for a purge":   {fakevault.Rules{Deleting: time.Hour}, func(w *world) error { return w.purge(ref) }, []string{"purge", "being deleted", "purge it again"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{fake: fakevault.Config{Rules: tt.rules}})
			w.mustSet(ref, canary)
			w.fake.Delete(host, nameOf(ref))
			wantReason(t, tt.do(w), fault.Timeout, append(tt.says, string(ref), nameOf(ref), host)...)
			if slept := w.clock.total(); slept < 110*time.Second || slept > 2*time.Minute {
				t.Errorf("it waited %s", slept)
			}
		})
	}
}
