package escrow_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/tools/secretscli/escrow"
)

// person has a key.
type person struct {
	identity age.Identity
	holder   escrow.Holder
}

func people(t testing.TB, n int) (all []person) {
	t.Helper()
	for range n {
		key, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, person{key, escrow.Holder{Key: key.Recipient().String(), Recipient: key.Recipient()}})
	}
	return all
}

// values of the bundles in these tests, by ref.
var values = map[secret.Ref]string{
	"secret://a/text":  "canary-in-the-bundle",
	"secret://a/empty": "",
	"secret://a/bytes": everyByte(),
	"secret://a/lines": "{\"ref\":\"x\"}\n\n{",
}

func everyByte() string {
	var b strings.Builder
	for i := range 256 {
		b.WriteByte(byte(i))
	}
	return b.String()
}

func manifest() escrow.Manifest {
	m := escrow.Manifest{Created: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Host: "old", Provider: "DPAPI"}
	for _, ref := range []secret.Ref{"secret://a/text", "secret://a/empty", "secret://a/bytes", "secret://a/lines"} {
		m.Secrets = append(m.Secrets, escrow.Item{Ref: ref, Version: "3", Tags: map[string]string{"team": "ü"}})
	}
	return m
}

func pack(t testing.TB, need int, all []person) []byte {
	t.Helper()
	var holders []escrow.Holder
	for _, p := range all {
		holders = append(holders, p.holder)
	}
	var out bytes.Buffer
	if err := escrow.Pack(&out, manifest(), need, holders, func(i escrow.Item) (secret.Value, error) {
		return secret.NewValue([]byte(values[i.Ref])), nil
	}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unpack reads a whole bundle and compares what is in it.
func unpack(t testing.TB, file []byte, shares [][]byte, keys ...age.Identity) error {
	t.Helper()
	b, err := escrow.Open(bytes.NewReader(file), keys, shares)
	if err != nil {
		return err
	}
	for done := 0; ; done++ {
		item, value, err := b.Next(done)
		if errors.Is(err, io.EOF) {
			if done != len(values) {
				t.Errorf("%d secrets", done)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if string(value.Reveal()) != values[item.Ref] || item.Version != "3" || item.Tags["team"] != "ü" {
			t.Errorf("got %+v", item)
		}
	}
}

func TestAnyEnoughPeopleOpenABundleAndFewerDoNot(t *testing.T) {
	for _, c := range []struct{ need, of int }{{1, 1}, {1, 3}, {2, 2}, {2, 3}, {3, 4}} {
		all := people(t, c.of)
		file := pack(t, c.need, all)
		for set := range 1 << c.of {
			var keys []age.Identity
			for i, p := range all {
				if set>>i&1 == 1 {
					keys = append(keys, p.identity)
				}
			}
			err := unpack(t, file, nil, keys...)
			var few *escrow.NotEnoughError
			switch {
			case len(keys) == 0: // age itself wants a key
				if err == nil {
					t.Error("opened by nobody")
				}
			case len(keys) >= c.need && err != nil:
				t.Errorf("%d of %d, people %b: %v", c.need, c.of, set, err)
			case len(keys) < c.need && (!errors.As(err, &few) || *few != escrow.NotEnoughError{Have: len(keys), Need: c.need, Holders: c.of}):
				t.Errorf("%d of %d, people %b: got %v", c.need, c.of, set, err)
			}
		}
	}
}

func TestOnePersonTwiceIsOnePerson(t *testing.T) {
	all := people(t, 3)
	err := unpack(t, pack(t, 2, all), nil, all[1].identity, all[1].identity)
	if few := (*escrow.NotEnoughError)(nil); !errors.As(err, &few) || few.Have != 1 {
		t.Errorf("got %v", err)
	}
}

func TestSharesTakeThePlaceOfPeople(t *testing.T) {
	all, collector := people(t, 3), people(t, 1)[0]
	file := pack(t, 2, all)
	share := func(p person) []byte {
		out, err := escrow.Share(bytes.NewReader(file), p.identity, collector.holder.Recipient)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first, second := share(all[0]), share(all[2])
	if err := unpack(t, file, [][]byte{first, second}, collector.identity); err != nil {
		t.Error(err)
	}
	if err := unpack(t, file, [][]byte{first}, collector.identity, all[1].identity); err != nil {
		t.Errorf("a share beside a person: %v", err)
	}
	if err := unpack(t, file, [][]byte{first, first}, collector.identity); err == nil {
		t.Error("the same share twice is enough")
	}
	if err := unpack(t, file, [][]byte{first, second}, people(t, 1)[0].identity); err == nil || !strings.Contains(err.Error(), "share 1") {
		t.Errorf("shares for another key: %v", err)
	}
	other := pack(t, 2, all)
	if err := unpack(t, other, [][]byte{first, second}, collector.identity); err == nil || !strings.Contains(err.Error(), "do not fit together") {
		t.Errorf("shares of another bundle: %v", err)
	}
	if _, err := escrow.Share(bytes.NewReader(file), collector.identity, collector.holder.Recipient); err == nil {
		t.Error("somebody who is no recipient has a share")
	}
}

func TestABundleShowsNoValue(t *testing.T) {
	file := pack(t, 2, people(t, 2))
	if bytes.Contains(file, []byte("canary")) {
		t.Error("a value is in the open")
	}
	m, _, err := escrow.ReadManifest(bufio.NewReader(bytes.NewReader(file)))
	if err != nil || len(m.Secrets) != len(values) || m.Need != 2 || len(m.Recipients) != 2 || m.Host != "old" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWhatWasChangedOrCutOffIsRefused(t *testing.T) {
	all := people(t, 2)
	file := pack(t, 1, all)
	if err := unpack(t, file, nil, all[0].identity); err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(file); cut += 97 {
		if err := unpack(t, file[:cut], nil, all[0].identity); err == nil {
			t.Errorf("cut off after %d of %d bytes it is still read", cut, len(file))
		}
	}
	line := bytes.IndexByte(file, '\n')
	// Beyond the manifest and the stanza of the other person, each byte counts.
	for at := line + 1; at < len(file); at += 41 {
		changed := bytes.Clone(file)
		changed[at] ^= 1
		err := unpack(t, changed, nil, all[0].identity)
		if err == nil {
			t.Errorf("byte %d of %d was changed and nobody noticed", at, len(file))
		}
	}
	renamed := bytes.Replace(file, []byte("secret://a/text"), []byte("secret://b/text"), 1)
	var wrong *escrow.FormatError
	if err := unpack(t, renamed, nil, all[0].identity); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "manifest was changed") {
		t.Errorf("another ref in the manifest: %v", err)
	}
	for name, text := range map[string]string{
		"nothing": "", "a text": "hello\n", "an age file": "age-encryption.org/v1\n", "no end": strings.Repeat("x", 1<<16),
		"a later form": `{"format":"identitymesh-escrow/2"}` + "\n", "another document": "{}\n",
	} {
		if err := unpack(t, []byte(text), nil, all[0].identity); !errors.As(err, &wrong) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAFailureToReadLeavesNoBundleThatCanBeOpened(t *testing.T) {
	all := people(t, 1)
	refused := errors.New("refused")
	var out bytes.Buffer
	err := escrow.Pack(&out, manifest(), 1, []escrow.Holder{all[0].holder}, func(i escrow.Item) (secret.Value, error) {
		if i.Ref == "secret://a/bytes" {
			return secret.Value{}, refused
		}
		return secret.NewValue([]byte("v")), nil
	})
	if !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if err := unpack(t, out.Bytes(), nil, all[0].identity); err == nil {
		t.Error("half a bundle was read to its end")
	}
}

func FuzzOpen(f *testing.F) {
	all := people(f, 2)
	f.Add(pack(f, 2, all))
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := escrow.Open(bytes.NewReader(file), []age.Identity{all[0].identity, all[1].identity}, nil)
		for done := 0; err == nil; done++ {
			_, _, err = b.Next(done)
		}
		if fmt.Sprint(err) == "" {
			t.Error("an error without words")
		}
	})
}
