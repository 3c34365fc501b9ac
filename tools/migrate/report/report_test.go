package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/migrate/fakestore"
	"github.com/identitymesh/identitymesh/tools/migrate/ledger"
	"github.com/identitymesh/identitymesh/tools/migrate/plan"
	"github.com/identitymesh/identitymesh/tools/migrate/report"
	"github.com/identitymesh/identitymesh/tools/migrate/stores"
	"github.com/identitymesh/identitymesh/tools/migrate/transfer"
)

const odd = secret.Ref("secret://a/<script>alert(1)</script>")

// migrated is a ledger after a run of two refs, with a step of the whole that failed.
func migrated(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Folder: t.TempDir(), Create: true, Who: "user ann", Host: "h1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	from, to := fakestore.New("s"), fakestore.New("t")
	from.Put(odd, "canary-1")
	from.Put("secret://b", "canary-2")
	pair := &stores.Pair{From: from.Store(), To: to.Store()}
	prints := stores.NewFingerprints()
	err = l.Found(t.Context(), ledger.Migration{ID: "m1", From: pair.From.Side, To: pair.To.Side})
	if err == nil {
		_, err = plan.Make(t.Context(), plan.Config{Ledger: l, Pair: pair, Fingerprints: prints, Concurrency: 1})
	}
	if err == nil {
		_, err = transfer.Run(t.Context(), transfer.Config{Ledger: l, Pair: pair, Fingerprints: prints, Concurrency: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	whole, err := l.Begin(t.Context(), "", ledger.Switch, ledger.Change{Reason: "t"})
	if err == nil {
		err = l.Fail(t.Context(), whole, fault.New(fault.AccessDenied, fault.SourceHost, "no"), ledger.Change{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func made(t *testing.T) report.Report {
	t.Helper()
	r, err := report.Make(t.Context(), report.Config{Ledger: migrated(t), Now: time.Unix(1_800_000_000, 0), By: "user bob", Host: "h2", Program: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportSaysWhatHappenedToEachRef(t *testing.T) {
	r := made(t)
	if len(r.Refs) != 2 || r.Counts[ledger.Verified] != 2 || r.Ledger.Events == 0 || len(r.Ledger.Hash) != 64 || r.Migration.ID != "m1" {
		t.Fatalf("got %+v", r)
	}
	for _, ref := range r.Refs {
		if ref.State != ledger.Verified || ref.Done[ledger.Copy].Who != "user ann" || ref.Done[ledger.Verify].At.IsZero() || ref.SourceVersion == "" || ref.TargetVersion == "" {
			t.Errorf("%+v", ref)
		}
	}
	if len(r.Steps) != 1 || r.Steps[0].Step != ledger.Switch || r.Steps[0].Outcome != "ACCESS_DENIED" || r.Steps[0].Ended.IsZero() {
		t.Errorf("steps %+v", r.Steps)
	}
}

func TestPageForPeopleIsSelfContainedAndEscapesWhatItShows(t *testing.T) {
	var page bytes.Buffer
	if err := report.HTML(&page, made(t)); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, bad := range []string{"<script", "src=", "href=", "http:", "https:", "canary"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	for _, good := range []string{"&lt;script&gt;", "ACCESS_DENIED", "user ann on h1", "verified</td><td>2", "default-src 'none'"} {
		if !strings.Contains(text, good) {
			t.Errorf("%q is not in the page:\n%s", good, text)
		}
	}
}

func TestSignedReportIsOpenedOnlyAsItWasSigned(t *testing.T) {
	folder := t.TempDir()
	key, err := report.Key(folder)
	if err != nil {
		t.Fatal(err)
	}
	again, err := report.Key(folder)
	if err != nil || !key.Equal(again) {
		t.Fatalf("the key is made anew: %v", err)
	}
	if info, err := os.Stat(filepath.Join(folder, report.KeyFile)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	signed, identity, err := report.Sign(made(t), key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	r, found, err := report.Open(text)
	if err != nil || found != identity || r.Migration.ID != "m1" || len(r.Refs) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	other, err := report.Key(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	forged, theirs, err := report.Sign(made(t), other)
	if err != nil || theirs.KeyID == identity.KeyID {
		t.Fatal("another key has the same id", err)
	}
	for name, change := range map[string]func(*report.Signed){
		"another payload": func(s *report.Signed) {
			s.Payload = bytes.Replace(s.Payload, []byte("user ann"), []byte("user eve"), 1)
		},
		"another type":        func(s *report.Signed) { s.PayloadType += "x" },
		"no signature":        func(s *report.Signed) { s.Signatures = nil },
		"another's signature": func(s *report.Signed) { s.Signatures = forged.Signatures },
		"another's key":       func(s *report.Signed) { s.PublicKey = forged.PublicKey },
		"a key that is none":  func(s *report.Signed) { s.PublicKey = []byte("x") },
		"a second signature":  func(s *report.Signed) { s.Signatures = append(s.Signatures, forged.Signatures...) },
		"another id of itself": func(s *report.Signed) {
			s.Signatures = []report.Signature{{KeyID: theirs.KeyID, Sig: s.Signatures[0].Sig}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var copied report.Signed
			if err := json.Unmarshal(text, &copied); err != nil {
				t.Fatal(err)
			}
			change(&copied)
			changed, err := json.Marshal(copied)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := report.Open(changed); !errors.Is(err, report.ErrForged) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, _, err := report.Open([]byte("{")); !errors.Is(err, report.ErrForged) {
		t.Errorf("no report at all: %v", err)
	}
}
