package appsettings_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
)

// files is a folder of settings: name and content.
type files map[string]string

func base(content string) files { return files{"appsettings.json": content} }

// load writes the files into a new folder and loads them with only env as the
// environment.
func load(t *testing.T, f files, env ...string) (*appsettings.Settings, diag.List, string) {
	t.Helper()
	folder := t.TempDir()
	for name, content := range f {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, diags := appsettings.Load(appsettings.Options{
		Folder: folder, Environ: env, Platform: &appsettings.Platform{GOOS: "linux", Root: true},
	})
	return s, diags, folder
}

// mustLoad is load for settings without any problem.
func mustLoad(t *testing.T, f files, env ...string) (*appsettings.Settings, string) {
	t.Helper()
	s, diags, folder := load(t, f, env...)
	if len(diags) > 0 {
		t.Fatalf("unexpected diagnostics: %v", diags)
	}
	return s, folder
}

func TestStrongerSourcesWin(t *testing.T) {
	layered := files{
		"appsettings.json":            `{"Secrets":{"Provider":"base","Strict":true},"Engine":{"MaxConcurrentRuns":2}}`,
		"appsettings.Production.json": `{"SECRETS":{"provider":"production"}}`,
		"appsettings.Staging.json":    `{"secrets":{"Provider":"staging"}}`,
	}
	tests := []struct {
		name, provider, origin string
		env                    []string
	}{
		{"without a named environment Production is assumed", "production", "appsettings.Production.json", nil},
		{"IDENTITYMESH_ENVIRONMENT wins over DOTNET_ENVIRONMENT", "staging", "appsettings.Staging.json",
			[]string{"DOTNET_ENVIRONMENT=Production", "IDENTITYMESH_ENVIRONMENT=Staging"}},
		{"DOTNET_ENVIRONMENT chooses the second file", "staging", "appsettings.Staging.json",
			[]string{"DOTNET_ENVIRONMENT=Staging"}},
		{"an environment without a file leaves the first file in force", "base", "appsettings.json",
			[]string{"DOTNET_ENVIRONMENT=Test"}},
		{"a variable wins over both files", "variable", "environment variable Secrets__Provider",
			[]string{"Secrets__Provider=variable"}},
		{"a variable's name is case-insensitive", "variable", "environment variable SECRETS__PROVIDER",
			[]string{"SECRETS__PROVIDER=variable"}},
		{"a colon in a variable's name separates as well", "variable", "environment variable Secrets:Provider",
			[]string{"Secrets:Provider=variable"}},
		{"an empty variable takes the value away", "", "default", []string{"Secrets__Provider="}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := mustLoad(t, layered, tt.env...)
			if s.Secrets.Provider != tt.provider {
				t.Errorf("provider %q, want %q", s.Secrets.Provider, tt.provider)
			}
			if got := s.Origin("secrets:PROVIDER"); got != tt.origin {
				t.Errorf("origin %q, want %q", got, tt.origin)
			}
			if !s.Secrets.Strict || s.Engine.MaxConcurrentRuns != 2 || s.Origin("Secrets:Strict") != "appsettings.json" {
				t.Errorf("keys that only the first file has were lost: %+v", s)
			}
		})
	}
}

func TestNullInAStrongerFileTakesTheValueAway(t *testing.T) {
	s, _ := mustLoad(t, files{
		"appsettings.json":            `{"Secrets":{"Provider":"x"},"Engine":{"MaxConcurrentRuns":9}}`,
		"appsettings.Production.json": `{"Secrets":null,"Engine":{"MaxConcurrentRuns":null}}`,
	})
	if s.Secrets.Provider != "" || s.Engine.MaxConcurrentRuns != 4 {
		t.Errorf("got %+v", s)
	}
}

func TestFilesReadAreListedWeakestFirst(t *testing.T) {
	s, folder := mustLoad(t, files{"appsettings.json": "{}", "appsettings.Production.json": "{}", "appsettings.Test.json": "{"})
	want := []string{filepath.Join(folder, "appsettings.json"), filepath.Join(folder, "appsettings.Production.json")}
	if !slices.Equal(s.Files, want) {
		t.Errorf("files %q, want %q", s.Files, want)
	}
}

func TestAnExplicitFileIsUsedWithTheOverlayBesideIt(t *testing.T) {
	folder := t.TempDir()
	written := files{
		"mesh.json":      `{"Secrets":{"Provider":"a"},"IdentityMesh":{"DataFolder":"data"}}`,
		"mesh.Test.json": `{"Secrets":{"Provider":"b"}}`,
	}
	for name, content := range written {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, diags := appsettings.Load(appsettings.Options{
		File: filepath.Join(folder, "mesh.json"), Folder: "elsewhere", Environ: []string{"DOTNET_ENVIRONMENT=Test"},
	})
	if len(diags) > 0 || s.Secrets.Provider != "b" || s.Product.DataFolder != filepath.Join(folder, "data") {
		t.Errorf("got %+v, %v", s, diags)
	}
}

func TestJSONAsPeopleWriteIt(t *testing.T) {
	tests := []struct{ name, content string }{
		{"comments and trailing commas", "{ // note\n /* note */ \"Secrets\": {\"Provider\": \"x\",},\n}"},
		{"a byte order mark and Windows line ends", "\xef\xbb\xbf{\r\n// note\r\n\"Secrets\": {\"Provider\": \"x\"}\r\n}\r\n"},
		{"keys in any case", `{"sEcReTs": {"PROVIDER": "x"}}`},
		{"escapes in keys and values", `{"Secrets": {"Provider": "\u0078"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if s, _ := mustLoad(t, base(tt.content)); s.Secrets.Provider != "x" {
				t.Errorf("provider %q", s.Secrets.Provider)
			}
		})
	}
}

func TestFilesThatCannotBeReadAreNamedWithoutTheirText(t *testing.T) {
	const canary = "hunter2canary"
	tests := []struct{ name, content, want string }{
		{"a missing comma", "{\n  \"A\": \"" + canary + "\"\n  \"B\": 1}", "appsettings.json, line 3, column 3: not valid JSON"},
		{"a quote inside a password", "{\"A\": \"" + canary + "\"" + canary + "\"}", "appsettings.json, line 1, column 22: not valid JSON"},
		{"a single backslash", "{\n\"A\": \"C:\\" + canary + "\"}", "appsettings.json, line 2, column 6: not valid JSON"},
		{"a word without quotes", "{\"A\": " + canary + "}", "appsettings.json, line 1, column 7: not valid JSON"},
		{"an open quote", "{\"A\": \"" + canary, "the file ends before"},
		{"an empty file", "", "the file ends before"},
		{"a list at the top", `["` + canary + `"]`, "expected an object in braces, found a list"},
		{"a text at the top", `"` + canary + `"`, "expected an object in braces, found a text"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "is UTF-16"},
		{"nesting without end", strings.Repeat("[", 500_000), "opening brackets"},
		{"a huge file", "{}" + strings.Repeat(" ", 1<<20), "is larger than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags, folder := load(t, base(tt.content))
			text := diags.Errors()
			if len(text) != 1 || !strings.Contains(text[0].String(), tt.want) || !strings.Contains(text[0].String(), folder) {
				t.Errorf("got %v, want one error with the folder and %q", diags, tt.want)
			}
			if err := diags.Err(); err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("the error repeats the file's text: %v", err)
			}
		})
	}
}

func TestBothBrokenFilesAreReportedAtOnce(t *testing.T) {
	_, diags, _ := load(t, files{"appsettings.json": "{", "appsettings.Production.json": "]"})
	if len(diags) != 2 || !strings.Contains(diags[1].Summary, "appsettings.Production.json, line 1, column 1") {
		t.Errorf("got %v", diags)
	}
}

func TestFileProblemsOutsideOfTheText(t *testing.T) {
	folder := t.TempDir()
	tests := []struct {
		name    string
		options appsettings.Options
		want    string
	}{
		{"an explicit file must exist", appsettings.Options{File: filepath.Join(folder, "none.json")}, "none.json"},
		{"a folder is not a file", appsettings.Options{File: folder}, "is not a regular file"},
		{"an environment must not be a path", appsettings.Options{Folder: folder, Environ: []string{"IDENTITYMESH_ENVIRONMENT=../x"}},
			"IDENTITYMESH_ENVIRONMENT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, diags := appsettings.Load(tt.options)
			if err := diags.Err(); s == nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
