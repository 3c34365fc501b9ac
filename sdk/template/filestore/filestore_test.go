package filestore_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/plugintest"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

const ref = "secret://ad/svc/password"

// store is a provider behind the real gRPC path, with the words that the tests
// need most.
type store struct {
	*testing.T
	*plugintest.Client
	folder string
}

func open(t *testing.T, folder string) store {
	t.Helper()
	return store{t, plugintest.Open(t, filestore.Definition("filestore", "1.2.3"), map[string]string{"Folder": folder}), folder}
}

func (s store) set(ref secret.Ref, value string) secret.Version {
	s.Helper()
	m, err := s.Set(s.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte(value))})
	if err != nil {
		s.Fatal(err)
	}
	return m.Version
}

func (s store) setAt(ref secret.Ref, expected secret.Version) error {
	_, err := s.Set(s.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("x")), Expected: &expected})
	return err
}

func (s store) wantValue(ref secret.Ref, version secret.Version, want string) {
	s.Helper()
	got, err := s.Get(s.Context(), ref, version)
	if err != nil {
		s.Error(err)
	} else if !bytes.Equal(got.Value.Reveal(), []byte(want)) {
		s.Errorf("the value of %s is another one than was set", ref)
	}
}

func (s store) wantGone(ref secret.Ref, reason fault.Reason) {
	s.Helper()
	_, err := s.Get(s.Context(), ref, secret.Current)
	wantFault(s.T, err, reason, fault.SourceBackend)
	_, err = s.Describe(s.Context(), ref)
	wantFault(s.T, err, reason, fault.SourceBackend)
	page, err := s.List(s.Context(), provider.ListRequest{Size: 10})
	if err != nil || len(page.Items) != 0 || !page.Complete {
		s.Errorf("page %+v, %v", page, err)
	}
}

func wantFault(t *testing.T, err error, reason fault.Reason, source fault.Source, words ...string) {
	t.Helper()
	f, ok := err.(*fault.Error)
	if !ok || f.Reason != reason || f.Source != source {
		t.Errorf("got %v, want %v of %v", err, reason, source)
		return
	}
	for _, word := range words {
		if !strings.Contains(f.Message, word) {
			t.Errorf("%q lacks %q", f.Message, word)
		}
	}
}

func TestASecretIsServedAsItWasSet(t *testing.T) {
	s := open(t, t.TempDir())
	everyByte := make([]byte, secret.MaxValueBytes)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	for name, value := range map[string]string{"text": "pässword", "nothing": "", "lines": "\n{}\n", "1 MiB of every byte": string(everyByte)} {
		t.Run(name, func(t *testing.T) {
			version := s.set(ref, value)
			s.wantValue(ref, secret.Current, value)
			s.wantValue(ref, version, value)
			open(t, s.folder).wantValue(ref, version, value)
		})
	}
}

func TestMetadataIsTheSameFromEveryCall(t *testing.T) {
	s := open(t, t.TempDir())
	expires := time.Date(2031, 1, 2, 3, 4, 5, 6000, time.UTC)
	first := s.set(ref, "v")
	set, err := s.Set(t.Context(), provider.SetRequest{Ref: ref, Value: secret.NewValue([]byte("w")), Expires: expires, Tags: map[string]string{"team": "ä ß"}})
	if err != nil {
		t.Fatal(err)
	}
	described, err1 := s.Describe(t.Context(), ref)
	got, err2 := s.Get(t.Context(), ref, secret.Current)
	page, err3 := s.List(t.Context(), provider.ListRequest{Size: 10})
	versions, err4 := s.ListVersions(t.Context(), ref, provider.ListRequest{Size: 10})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(page.Items) != 1 || !page.Complete || len(versions.Items) != 2 || !versions.Complete || versions.Items[1].Version != first {
		t.Fatalf("page %+v, versions %+v", page, versions)
	}
	for from, m := range map[string]secret.Metadata{"Set": set, "Describe": described, "Get": got.Metadata, "List": page.Items[0], "ListVersions": versions.Items[0]} {
		if m.Ref != ref || m.Name != naming.Name(ref) || m.Version != set.Version || m.Version == first || m.Disabled ||
			!m.Expires.Equal(expires) || time.Since(m.Created) > time.Minute || m.Updated.Before(m.Created) ||
			!m.Created.Equal(versions.Items[1].Created) || !maps.Equal(m.Tags, map[string]string{"team": "ä ß"}) {
			t.Errorf("%s: %+v", from, m)
		}
	}
}

func TestHostsAreToldEverything(t *testing.T) {
	info := open(t, t.TempDir()).Info()
	for _, c := range []facade.Capability{facade.List, facade.ListComplete, facade.Versions, facade.Write, facade.Delete, facade.ConditionalSet,
		facade.Expiry, facade.Tags, facade.SoftDelete, facade.Recover, facade.Purge} {
		if !info.Capabilities.Has(c) {
			t.Errorf("capability %v is missing", c)
		}
	}
	if info.Name != "filestore" || info.Version != "1.2.3" {
		t.Errorf("info %+v", info)
	}
}

func TestEveryProblemOfTheConfigurationIsReportedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		config any
		paths  []string
	}{
		"no object":                     {[]int{}, []string{""}},
		"null":                          {nil, []string{""}},
		"nothing":                       {map[string]any{}, []string{"Folder"}},
		"an empty text":                 {map[string]any{"Folder": ""}, []string{"Folder"}},
		"a relative path":               {map[string]any{"Folder": "hunter2"}, []string{"Folder"}},
		"a number, and an unknown key":  {map[string]any{"Folder": 1, "Token": "hunter2"}, []string{"Folder", "Token"}},
		"unknown keys and no known one": {map[string]any{"a": 1, "b": nil}, []string{"Folder", "a", "b"}},
		"the same key twice":            {map[string]any{"Folder": t.TempDir(), "folder": "hunter2"}, []string{"Folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := plugintest.Try(t, filestore.Definition("filestore", "1.2.3"), c.config)
			var paths []string
			for _, p := range problems {
				paths = append(paths, p.Path)
			}
			if strings.Join(paths, ",") != strings.Join(c.paths, ",") || !problems.HasErrors() {
				t.Errorf("problems at %q, want %q", paths, c.paths)
			}
			if err := problems.Err(); strings.Contains(err.Error(), "hunter2") {
				t.Error("a value is quoted")
			}
		})
	}
	if _, problems := plugintest.Try(t, filestore.Definition("f", "1.0.0"), map[string]string{"FOLDER": filepath.Join(t.TempDir(), "absent")}); problems != nil {
		t.Errorf("a folder that is not there yet is no problem of the configuration: %v", problems)
	}
}

func TestConditionalSets(t *testing.T) {
	s := open(t, t.TempDir())
	wantFault(t, s.setAt(ref, "0000000001-00000000"), fault.VersionConflict, fault.SourceBackend, ref, "does not exist")
	if err := s.setAt(ref, ""); err != nil {
		t.Fatal(err)
	}
	wantFault(t, s.setAt(ref, ""), fault.AlreadyExists, fault.SourceBackend, ref)
	first, err := s.Describe(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.setAt(ref, first.Version); err != nil {
		t.Fatal(err)
	}
	wantFault(t, s.setAt(ref, first.Version), fault.VersionConflict, fault.SourceBackend, ref, string(first.Version))
}

func TestDeleteRecoverPurge(t *testing.T) {
	s := open(t, t.TempDir())
	wantFault(t, s.Delete(t.Context(), ref), fault.NotFound, fault.SourceBackend, ref)
	_, err := s.Recover(t.Context(), ref)
	wantFault(t, err, fault.NotFound, fault.SourceBackend, ref)
	wantFault(t, s.Purge(t.Context(), ref), fault.NotFound, fault.SourceBackend, ref)

	version := s.set(ref, "v")
	_, err = s.Recover(t.Context(), ref)
	wantFault(t, err, fault.AlreadyExists, fault.SourceBackend, ref)
	wantFault(t, s.Purge(t.Context(), ref), fault.AlreadyExists, fault.SourceBackend, ref)

	if err := s.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	s.wantGone(ref, fault.Deleted)
	wantFault(t, s.Delete(t.Context(), ref), fault.Deleted, fault.SourceBackend, ref)
	for _, expected := range []secret.Version{"", version} {
		wantFault(t, s.setAt(ref, expected), fault.Deleted, fault.SourceBackend, ref, "purge")
	}
	recovered, err := s.Recover(t.Context(), ref)
	if err != nil || recovered.Version != version {
		t.Errorf("recovered %+v, %v", recovered, err)
	}
	s.wantValue(ref, secret.Current, "v")

	if err := s.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	s.wantGone(ref, fault.NotFound)
	if again := s.set(ref, "v"); again == version {
		t.Errorf("the version %s was used for a second time", version)
	}
}
