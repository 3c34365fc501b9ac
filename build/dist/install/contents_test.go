package install_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/build/dist/sums"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// run runs a tool and returns what it said.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command.Run(t.Context(), command.Spec{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unpacked returns the folder that an archive of the newer version holds.
func unpacked(t *testing.T, system string) string {
	t.Helper()
	dir, name := packagesOf(t, newer, system), "identitymesh_"+newer+"_"+system+"_amd64"
	out := t.TempDir()
	if system == "windows" {
		need(t, "python3") // whose module reads archives in the format of Windows
		run(t, "python3", "-m", "zipfile", "-e", filepath.Join(dir, name+".zip"), out)
	} else {
		need(t, "tar")
		run(t, "tar", "-xzf", filepath.Join(dir, name+".tar.gz"), "-C", out)
	}
	return filepath.Join(out, name)
}

func TestListOfSumsVerifiesAndShowsWhatWasChanged(t *testing.T) {
	need(t, "sha256sum", "cp")
	dir := filepath.Join(t.TempDir(), "packages")
	run(t, "cp", "-r", packagesOf(t, newer, "linux"), dir)
	list, err := os.ReadFile(filepath.Join(dir, sums.File))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Three bills, three archives, three packages of each of two formats.
	if strings.Count(string(list), "\n") != 12 || len(entries) != 13 {
		t.Errorf("%d files, and the list:\n%s", len(entries), list)
	}
	check := command.Spec{Dir: dir, Args: []string{"sha256sum", "--check", "--strict", sums.File}}
	if out, err := command.Run(t.Context(), check); err != nil || strings.Count(out, ": OK\n") != 12 {
		t.Errorf("%v: %s", err, out)
	}
	name := entries[1].Name()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := command.Run(t.Context(), check); err == nil || !strings.Contains(out, name+": FAILED") {
		t.Errorf("%s was changed: %v: %s", name, err, out)
	}
}

func TestEachPluginIsPinnedAsItWasPacked(t *testing.T) {
	for _, system := range []string{"linux", "windows"} {
		t.Run(system, func(t *testing.T) {
			if system == "windows" {
				need(t, "wixl", "msibuild")
			}
			dir := unpacked(t, system)
			for plugin, version := range map[string]string{"dpapi": newer, "keyvault": ownVersion} {
				lock, err := catalog.ReadLock(filepath.Join(dir, catalog.OwnLockFile(plugin)))
				if err != nil {
					t.Fatal(err)
				}
				entry := lock.Plugins[plugin]
				file := filepath.Join(dir, entry.File)
				if system == "windows" {
					file += ".exe"
				}
				sum, err := launch.Hash(file)
				if err != nil || entry.Platforms[system+"/amd64"].Sha256 != sum || entry.Version != version || len(lock.Plugins) != 1 {
					t.Errorf("%s has %s, %v, and is pinned as %+v", file, sum, err, entry)
				}
			}
		})
	}
}

// The tar.gz is the product as well: it runs where it is unpacked.
func TestUnpackedArchiveRuns(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("SKIPPED: it is an archive for linux/amd64")
	}
	dir := unpacked(t, "linux")
	example, err := os.ReadFile(filepath.Join(dir, "appsettings.example.json"))
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(string(example), `"IdentityMesh": {`, `"IdentityMesh": { "DataFolder": "data",`, 1)
	if err := os.WriteFile(filepath.Join(dir, "appsettings.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, run(t, filepath.Join(dir, "secretscli"), "doctor"), "everything works", "dpapi "+newer)
}

func TestBillNamesTheModulesInEachProgram(t *testing.T) {
	dir := unpacked(t, "linux")
	text, err := os.ReadFile(filepath.Join(dir, "identitymesh.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat, SpecVersion, SerialNumber string
		Components                           []struct {
			Ref     string `json:"bom-ref"`
			Name    string
			Version string
			Purl    string
			Hashes  []struct{ Content string }
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	if bill.BOMFormat != "CycloneDX" || bill.SpecVersion != "1.6" || !strings.HasPrefix(bill.SerialNumber, "urn:uuid:") {
		t.Errorf("it is %s %s, %s", bill.BOMFormat, bill.SpecVersion, bill.SerialNumber)
	}
	known, uses, hashes := make(map[string]bool), make(map[string][]string), make(map[string]string)
	for _, c := range bill.Components {
		if c.Version == "" {
			t.Errorf("%s has no version", c.Ref)
		}
		if known[c.Ref] {
			t.Errorf("%s is listed twice", c.Ref)
		}
		known[c.Ref] = true
		if len(c.Hashes) == 1 {
			hashes[c.Ref] = c.Hashes[0].Content
		}
	}
	for _, d := range bill.Dependencies {
		uses[d.Ref] = d.DependsOn
		for _, ref := range d.DependsOn {
			if !known[ref] {
				t.Errorf("%s uses %s, which is not listed", d.Ref, ref)
			}
		}
	}
	if len(uses["product"]) != 6 {
		t.Errorf("the product has the programs %v", uses["product"])
	}
	for _, program := range uses["product"] {
		name := filepath.Join(dir, strings.TrimPrefix(program, "program:"))
		info, err := buildinfo.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if sum, err := launch.Hash(name); err != nil || hashes[program] != sum {
			t.Errorf("%s has %s, %v, and the bill says %s", program, sum, err, hashes[program])
		}
		if len(uses[program]) != len(info.Deps)+1 { // and the standard library
			t.Errorf("%s is said to use %d modules, its build has %d", program, len(uses[program]), len(info.Deps))
		}
	}
	for program, c := range map[string]struct{ with, without string }{
		"identitymesh-plugin-keyvault": {"Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets@v1", "modernc.org/sqlite@"},
		"identitymesh-plugin-dpapi":    {"modernc.org/sqlite@v1", "keyvault/azsecrets@"},
		"identitymesh-engine":          {"hashicorp/go-plugin@v1", "goreleaser/nfpm"},
	} {
		list := strings.Join(uses["program:"+program], "\n")
		wants(t, list, c.with, "pkg:golang/std@1.", "identitymesh/sdk@v")
		if strings.Contains(list, c.without) {
			t.Errorf("%s is said to use %s", program, c.without)
		}
	}
}
