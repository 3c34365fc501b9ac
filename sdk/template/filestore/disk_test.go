package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func TestPagesHoldEachSecretOnceAndTheLastOneIsComplete(t *testing.T) {
	s := open(t, t.TempDir())
	const secrets = 7
	for i := range secrets {
		s.set(secret.Ref(fmt.Sprint("ref ", i)), "v")
	}
	for _, size := range []int{1, 3, 6, 7, 8} {
		seen, token := map[secret.Ref]int{}, ""
		for pages := 1; ; pages++ {
			page, err := s.List(t.Context(), provider.ListRequest{Size: size, Token: token})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Items {
				seen[m.Ref]++
			}
			if page.Complete != (page.Next == "") || pages > secrets {
				t.Fatalf("page %d of size %d: %+v", pages, size, page)
			}
			if token = page.Next; token == "" {
				break
			}
		}
		for i := range secrets {
			if seen[secret.Ref(fmt.Sprint("ref ", i))] != 1 || len(seen) != secrets {
				t.Errorf("pages of %d: %v", size, seen)
			}
		}
	}
	_, err := s.List(t.Context(), provider.ListRequest{Size: 1, Token: "../.."})
	wantFault(t, err, fault.Internal, fault.SourceHost, "token")
}

func TestVersionsComeInPagesWithTheNewestFirst(t *testing.T) {
	s := open(t, t.TempDir())
	var want, got []secret.Version
	for i := range 12 {
		want = append(want, s.set(ref, fmt.Sprint(i)))
	}
	slices.Reverse(want)
	for token := ""; ; {
		page, err := s.ListVersions(t.Context(), ref, provider.ListRequest{Size: 5, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			got = append(got, m.Version)
		}
		if token = page.Next; token == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("versions %v, want %v", got, want)
	}
	s.wantValue(ref, want[11], "0")
	_, err := s.Get(t.Context(), ref, "../../etc/passwd")
	wantFault(t, err, fault.NotFound, fault.SourceBackend, "no version")
	_, err = s.ListVersions(t.Context(), "another", provider.ListRequest{Size: 5})
	wantFault(t, err, fault.NotFound, fault.SourceBackend)
}

func TestAPageOfLongItemsFitsIntoAMessage(t *testing.T) {
	s := open(t, t.TempDir())
	tags := map[string]string{}
	for i := range 50 {
		tags[fmt.Sprint(i)] = strings.Repeat("t", 512)
	}
	const secrets = 200 // of 29 KiB each
	for i := range secrets {
		_, err := s.Set(t.Context(), provider.SetRequest{Ref: secret.Ref(fmt.Sprint(i, strings.Repeat("r", 4000))), Value: secret.NewValue(nil), Tags: tags})
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for token := ""; ; {
		page, err := s.List(t.Context(), provider.ListRequest{Size: 1000, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		seen += len(page.Items)
		if token = page.Next; token == "" {
			break
		}
	}
	if seen != secrets {
		t.Errorf("%d secrets of %d", seen, secrets)
	}
}

func TestTwoStoresOnOneFolderAgree(t *testing.T) {
	folder := t.TempDir()
	stores := []store{open(t, folder), open(t, folder)}
	stores[0].set(ref, "0")
	const callers, sets = 6, 5
	var wait sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range callers {
		wait.Go(func() {
			s := stores[i%2]
			for range sets {
				for {
					m, err := s.Describe(t.Context(), ref)
					if err != nil {
						t.Error(err)
						return
					}
					err = s.setAt(ref, m.Version)
					if err == nil {
						break
					}
					if !fault.Is(err, fault.VersionConflict) {
						t.Error(err)
						return
					}
				}
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	page, err := stores[0].ListVersions(t.Context(), ref, provider.ListRequest{Size: 1000})
	if err != nil || len(page.Items) != won+1 || won != callers*sets {
		t.Errorf("%d versions after %d sets that won, %v", len(page.Items), won, err)
	}
}

func TestADiskThatFailsIsNeverAnEmptyStore(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "absent")
	s := open(t, folder)
	all := func(reason fault.Reason, words ...string) {
		t.Helper()
		_, err := s.Get(t.Context(), ref, secret.Current)
		wantFault(t, err, reason, fault.SourceBackend, words...)
		_, err = s.List(t.Context(), provider.ListRequest{Size: 10})
		wantFault(t, err, reason, fault.SourceBackend, words...)
		wantFault(t, s.setAt(ref, ""), reason, fault.SourceBackend, words...)
		wantFault(t, s.Delete(t.Context(), ref), reason, fault.SourceBackend, words...)
		report, err := s.Check(t.Context())
		if err != nil || report.Target != folder || len(report.Results) != 3 || report.Results[0].OK || report.Results[1].OK || report.Results[2].OK {
			t.Errorf("check %+v, %v", report, err)
		}
	}
	all(fault.Unavailable, folder)

	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.set(ref, "v")
	report, err := s.Check(t.Context())
	if err != nil || report.Identity == "" || !report.Results[0].OK || !report.Results[1].OK || !report.Results[2].OK {
		t.Errorf("check %+v, %v", report, err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".tmp*")); len(left) != 0 {
		t.Errorf("the check left %v", left)
	}
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		return // who asks decides what the permissions of a file keep away
	}
	if err := os.Chmod(folder, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
	all(fault.AccessDenied, "permission denied")
}

func TestOnlyTheOwnerCanOpenTheFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access control lists instead of modes")
	}
	s := open(t, t.TempDir())
	s.set(ref, "v")
	err := filepath.WalkDir(filepath.Join(s.folder, naming.Name(ref)), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatWasTamperedWithIsCorrupt(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"another value":   func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"a shorter value": func(b []byte) []byte { return b[:len(b)-1] },
		"no line of JSON": func(b []byte) []byte { return b[len(b)-1:] },
		"another ref":     func(b []byte) []byte { return []byte(strings.Replace(string(b), "secret", "public", 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			path := filepath.Join(s.folder, naming.Name(ref), string(s.set(ref, "hunter2")))
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, spoil(body), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = s.Get(t.Context(), ref, secret.Current)
			wantFault(t, err, fault.Corrupt, fault.SourceBackend)
			if strings.Contains(fmt.Sprint(err), "hunter") {
				t.Error("the value is quoted")
			}
			s.set(ref, "mended")
			s.wantValue(ref, secret.Current, "mended")
		})
	}
}

func TestWhatAKilledWriteLeftIsRemovedByTheNext(t *testing.T) {
	s := open(t, t.TempDir())
	s.set(ref, "v")
	folder := filepath.Join(s.folder, naming.Name(ref))
	if err := os.WriteFile(filepath.Join(folder, ".tmp-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.set(ref, "w")
	if left, _ := filepath.Glob(filepath.Join(folder, ".tmp*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	// A purge that was killed after its mark: nothing is there, and the next one,
	// or the next set, removes the files.
	for name, next := range map[string]func(){
		"set":    func() { s.set(ref, "new") },
		"delete": func() { wantFault(t, s.Delete(t.Context(), ref), fault.NotFound, fault.SourceBackend) },
		"purge":  func() { wantFault(t, s.Purge(t.Context(), ref), fault.NotFound, fault.SourceBackend) },
	} {
		old := filepath.Join(folder, string(s.set(ref, "old")))
		for _, mark := range []string{"deleted", "purged"} {
			if err := os.WriteFile(filepath.Join(folder, mark), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.wantGone(ref, fault.NotFound)
		next()
		if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s left the old value: %v", name, err)
		}
	}
}

func TestAWriteThatWaitsForAnotherGivesUpAtItsDeadline(t *testing.T) {
	s := open(t, t.TempDir())
	s.set(ref, "v")
	release := holdLock(t, filepath.Join(s.folder, ".lock"))
	// Without the wire between them: a client gives up by itself.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := openHere(s.folder).Set(ctx, provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("late"))})
	wantFault(t, err, fault.Timeout, fault.SourceBackend, "lock")
	s.wantValue(ref, secret.Current, "v")
	release()
	s.set(ref, "w")
}
