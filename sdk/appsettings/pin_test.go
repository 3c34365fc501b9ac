package appsettings_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

const (
	oldHash  = "1111111111111111111111111111111111111111111111111111111111111111"
	newHash  = "2222222222222222222222222222222222222222222222222222222222222222"
	platform = runtime.GOOS + "/" + runtime.GOARCH
)

func TestPinChangesNothingElseInTheFile(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"a hash that is there": {
			"{ // ours\n  \"Secrets\": {\"plugins\": {\"Acme\": {\"Path\": \"/a\", /* old */ \"SHA256\": \"" + oldHash + "\" } } },\n}\n",
			"{ // ours\n  \"Secrets\": {\"plugins\": {\"Acme\": {\"Path\": \"/a\", /* old */ \"SHA256\": \"" + newHash + "\" } } },\n}\n",
		},
		"none yet": {
			"{\n  \"Secrets\": {\n    \"Plugins\": {\n      \"acme\": {\n        \"Path\": \"/a\" // here\n      }\n    }\n  }\n}\n",
			"{\n  \"Secrets\": {\n    \"Plugins\": {\n      \"acme\": {\n        \"Path\": \"/a\", // here\n        \"Sha256\": \"" + newHash + "\"\n      }\n    }\n  }\n}\n",
		},
		"none yet, laid out plainly": {
			"{\n  \"Secrets\": {\n    \"Plugins\": {\n      \"acme\": {\n        \"Path\": \"/a\"\n      }\n    }\n  }\n}\n",
			"{\n  \"Secrets\": {\n    \"Plugins\": {\n      \"acme\": {\n        \"Path\": \"/a\",\n        \"Sha256\": \"" + newHash + "\"\n      }\n    }\n  }\n}\n",
		},
		"one for another platform": {
			`{"Secrets":{"Plugins":{"acme":{"Path":"/a","Sha256":{"plan9/mips":"` + oldHash + `"}}}}}`,
			`{"Secrets":{"Plugins":{"acme":{"Path":"/a","Sha256":{"plan9/mips":"` + oldHash + `","` + platform + `": "` + newHash + `"}}}}}`,
		},
		"one for each platform": {
			`{"Secrets":{"Plugins":{"acme":{"Path":"/a","Sha256":{"plan9/mips":"` + oldHash + `","` + platform + `":"` + oldHash + `",}}}}}`,
			`{"Secrets":{"Plugins":{"acme":{"Path":"/a","Sha256":{"plan9/mips":"` + oldHash + `","` + platform + `":"` + newHash + `",}}}}}`,
		},
		"a version that the entry asks for": {
			`{"Secrets":{"Plugins":{"acme":{"Path":"/a","version": "1.0.0","Sha256":"` + oldHash + `"}}}}`,
			`{"Secrets":{"Plugins":{"acme":{"Path":"/a","version": "2.0.0","Sha256":"` + newHash + `"}}}}`,
		},
		"a byte order mark and Windows line ends": {
			"\xef\xbb\xbf{\"Secrets\":{\"Plugins\":{\"acme\":{\r\n  \"Path\":\"/a\"\r\n}}}}\r\n",
			"\xef\xbb\xbf{\"Secrets\":{\"Plugins\":{\"acme\":{\r\n  \"Path\":\"/a\",\r\n  \"Sha256\": \"" + newHash + "\"\r\n}}}}\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "appsettings.json")
			if err := os.WriteFile(file, []byte(c.before), 0o640); err != nil {
				t.Fatal(err)
			}
			s, problems := appsettings.Load(appsettings.Options{File: file})
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			changed, err := s.Pin("acme", newHash, "2.0.0")
			if err != nil || changed != file {
				t.Fatalf("%s, %v", changed, err)
			}
			got, err := os.ReadFile(file)
			if err != nil || string(got) != c.after {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, c.after)
			}
			info, err := os.Stat(file)
			if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
				t.Errorf("%v, mode %v", err, info.Mode())
			}
			again, problems := appsettings.Load(appsettings.Options{File: file})
			for name, p := range again.Secrets.Plugins {
				if p.Sha256 != newHash || len(problems) > 0 {
					t.Errorf("%s has %q, %v", name, p.Sha256, problems)
				}
			}
		})
	}
}

func TestPinIsWrittenWhereTheEntryStands(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("appsettings.json", `{"Secrets":{"Plugins":{"a":{"Path":"/a"},"b":{"Path":"/b"}}}}`)
	write("appsettings.Production.json", `{"Secrets":{"Plugins":{"b":{"Sha256":"`+oldHash+`"}}}}`)
	s, problems := appsettings.Load(appsettings.Options{Folder: dir, Environ: []string{"Secrets__Plugins__c__Path=/c", "Secrets__Plugins__c__Sha256=" + oldHash}})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	for plugin, want := range map[string]string{"a": "appsettings.json", "b": "appsettings.Production.json"} {
		if file, err := s.Pin(plugin, newHash, "2.0.0"); err != nil || filepath.Base(file) != want {
			t.Errorf("%s went to %s, %v", plugin, file, err)
		}
	}
	if _, err := s.Pin("c", newHash, "2.0.0"); err == nil || !strings.Contains(err.Error(), "environment variable Secrets__Plugins__c__Sha256") || !strings.Contains(err.Error(), newHash) {
		t.Errorf("a variable: %v", err)
	}
	if _, err := s.Pin("a", "abc", "2.0.0"); err == nil {
		t.Error("something that is no hash was written")
	}
}

func TestPluginThatNobodyVouchesForIsAWarning(t *testing.T) {
	for name, hash := range map[string]string{"none": "", "empty": `,"Sha256":""`, "null": `,"Sha256":null`, "no platform": `,"Sha256":{}`, "another platform": `,"Sha256":{"plan9/mips":"` + oldHash + `"}`} {
		t.Run(name, func(t *testing.T) {
			s, problems, _ := load(t, base(`{"Secrets":{"Plugins":{"acme":{"Path":"/a"`+hash+`}}}}`))
			if problems.HasErrors() || len(problems) != 1 || !strings.Contains(problems[0].String(), "secretscli plugin lock acme") || s.Secrets.Plugins["acme"].Sha256 != "" {
				t.Errorf("got %v", problems)
			}
		})
	}
	for name, hash := range map[string]string{"no platform's name": `{"linux":"` + oldHash + `"}`, "no hash": `{"plan9/mips":"abc"}`, "no text": `{"plan9/mips":1}`} {
		t.Run(name, func(t *testing.T) {
			_, problems, _ := load(t, base(`{"Secrets":{"Plugins":{"acme":{"Path":"/a","Sha256":`+hash+`}}}}`))
			if !problems.HasErrors() {
				t.Errorf("got %v", problems)
			}
		})
	}
}
