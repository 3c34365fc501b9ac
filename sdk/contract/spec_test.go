package contract_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/identitymesh/identitymesh/sdk/boot"
	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/host/launch/logline"
	"github.com/identitymesh/identitymesh/sdk/host/supervise"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/pluginmain"
)

const specFolder = "../../docs/spec"

// page returns a page of the specification. Only a copy of this module without
// the repository around it has none.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(specFolder, name))
	if os.IsNotExist(err) {
		if _, err := os.Stat("../../go.work"); os.IsNotExist(err) {
			t.Skip("the specification is not part of the module alone")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func pages(t *testing.T) map[string]string {
	page(t, "README.md")
	files, err := filepath.Glob(filepath.Join(specFolder, "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("found %v: %v", files, err)
	}
	all := map[string]string{}
	for _, f := range files {
		all[filepath.Base(f)] = page(t, filepath.Base(f))
	}
	return all
}

// section is the text below a heading, up to the next one of its level or above.
func section(text, heading string) string {
	_, rest, found := strings.Cut("\n"+text, "\n## "+heading+"\n")
	if !found {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// rows returns the cells of every line of the tables in text that has n cells,
// heads included.
func rows(text string, n int) (all [][]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		if len(cells) == n {
			all = append(all, cells)
		}
	}
	return all
}

func TestNumbersOfTheSpecificationAreThoseOfTheCode(t *testing.T) {
	numbers := map[string]map[string]any{
		"Of the contract": {
			"Major": contract.Major, "Minor": contract.Minor, "CookieKey": contract.CookieKey, "CookieValue": contract.CookieValue,
			"ServiceSet": contract.ServiceSet, "MaxValueBytes": contract.MaxValueBytes, "MaxMessageBytes": contract.MaxMessageBytes,
			"MaxRefBytes": contract.MaxRefBytes, "MaxTokenBytes": contract.MaxTokenBytes, "MaxPageItems": contract.MaxPageItems,
			"MaxTextBytes": contract.MaxTextBytes, "MaxSummaryBytes": contract.MaxSummaryBytes, "MaxPathBytes": contract.MaxPathBytes,
			"MaxInfoBytes": contract.MaxInfoBytes, "MaxUnknownBytes": contract.MaxUnknownBytes, "MaxVersionBytes": contract.MaxVersionBytes, "MaxNameBytes": contract.MaxNameBytes,
			"MaxTags": contract.MaxTags, "MaxTagBytes": contract.MaxTagBytes, "MaxDiagnostics": contract.MaxDiagnostics, "MaxCheckResults": contract.MaxCheckResults,
			"MaxConfigSchemaBytes": contract.MaxConfigSchemaBytes, "MaxConfigFields": contract.MaxConfigFields, "MaxConfigDepth": contract.MaxConfigDepth, "MaxConfigKeyBytes": contract.MaxConfigKeyBytes,
			"LeaveGrace": contract.LeaveGrace, "WindowBytes": contract.WindowBytes,
		},
		"Of this host": {
			"supervise.Budget": supervise.Budget, "supervise.ProbeMisses": supervise.ProbeMisses, "supervise.HistoryLength": supervise.HistoryLength,
			"logline.MaxLineBytes": logline.MaxLineBytes,
			"logline.KeepLines":    logline.KeepLines, "logline.Rate": logline.Rate, "logline.Burst": logline.Burst,
		},
	}
	for _, name := range constants(t, "contract.go", "") {
		if _, have := numbers["Of the contract"][name]; !have {
			t.Errorf("this test does not know the constant %s; add it here and to limits.md", name)
		}
	}
	for heading, want := range numbers {
		found := map[string]string{}
		for _, r := range rows(section(page(t, "limits.md"), heading), 3)[1:] {
			found[r[2]] = r[1]
		}
		for name, value := range want {
			if found[name] != fmt.Sprint(value) {
				t.Errorf("%s is %v in the code and %q in limits.md", name, value, found[name])
			}
		}
		if len(found) != len(want) {
			t.Errorf("limits.md has %d numbers under %q, the test %d", len(found), heading, len(want))
		}
	}
	if text := page(t, "README.md"); !strings.Contains(text, fmt.Sprintf("**major %d, minor %d**", contract.Major, contract.Minor)) {
		t.Errorf("README.md is not about %d.%d", contract.Major, contract.Minor)
	}
}

// constants are the exported constants in a source file whose names end in one
// of the words, or all without any.
func constants(t *testing.T, source string, words ...string) (names []string) {
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, name := range spec.Names {
				if name.IsExported() && slices.ContainsFunc(words, func(word string) bool { return strings.HasSuffix(name.Name, word) }) {
					names = append(names, name.Name)
				}
			}
		}
		return true
	})
	return names
}

func TestWaitsOfTheSpecificationAreThoseOfTheCode(t *testing.T) {
	want := map[string]time.Duration{
		"supervise.StartLimit": supervise.StartLimit, "host.CallLimit": host.CallLimit, "supervise.FirstPause": supervise.FirstPause,
		"supervise.BudgetWindow": supervise.BudgetWindow, "supervise.ProbeInterval": supervise.ProbeInterval, "supervise.ProbeLimit": supervise.ProbeLimit,
		"supervise.NoticeLimit": supervise.NoticeLimit, "supervise.DrainWait": supervise.DrainWait, "supervise.DrainLimit": supervise.DrainLimit,
		"launch.LeaveWait": launch.LeaveWait, "launch.KillWait": launch.KillWait, "launch.PipeGrace": launch.PipeGrace,
		"launch.EscapeLimit": launch.EscapeLimit, "launch.LockLimit": launch.LockLimit, "boot.ReloadLimit": boot.ReloadLimit,
		"contract.LeaveGrace": contract.LeaveGrace, "pluginmain.FinishGrace": pluginmain.FinishGrace,
	}
	found := map[string]string{}
	for _, r := range rows(section(page(t, "limits.md"), "Waits"), 4)[1:] {
		found[r[3]] = r[1]
	}
	for name, value := range want {
		if found[name] != value.String() {
			t.Errorf("%s is %s in the code and %q in limits.md", name, value, found[name])
		}
	}
	if len(found) != len(want) {
		t.Errorf("limits.md has %d waits, the test %d", len(found), len(want))
	}
	for source, words := range map[string][]string{
		"../host/supervise/waits.go": {"Limit", "Pause", "Window", "Interval", "Wait"}, "../host/launch/waits.go": {""},
	} {
		for _, name := range constants(t, source, words...) {
			if name = filepath.Base(filepath.Dir(source)) + "." + name; want[name] == 0 {
				t.Errorf("this test does not know the wait %s; add it here and to limits.md", name)
			}
		}
	}
}

// codeName is a code as the specification writes it.
func codeName(c codes.Code) string {
	if c == codes.Canceled {
		return "CANCELLED"
	}
	return strings.ToUpper(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(c.String(), "${1}_$2"))
}

func TestTablesOfErrorsAreThoseOfTheCode(t *testing.T) {
	text := page(t, "errors.md")
	retry := map[bool]string{true: "yes", false: "no"}
	var want [][]string
	for _, r := range fault.Reasons() {
		want = append(want, []string{r.String(), fmt.Sprint(int32(r)), codeName(wire.Code(r)), retry[r.ReadRetryable()]})
	}
	var got [][]string
	for _, r := range rows(section(text, "Reasons"), 5)[1:] {
		got = append(got, []string{r[0], r[1], r[2], r[4]})
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("reasons:\n%v in errors.md\n%v in the code", got, want)
	}
	got, want = nil, nil
	for s := fault.SourcePlugin; s <= fault.SourceHost; s++ {
		want = append(want, []string{s.String(), fmt.Sprint(int32(s))})
	}
	for _, r := range rows(section(text, "Sources"), 3)[1:] {
		got = append(got, r[:2])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sources:\n%v in errors.md\n%v in the code", got, want)
	}
	plain := map[string]string{}
	for _, r := range rows(section(text, "A status without the detail"), 2)[1:] {
		plain[r[0]] = r[1]
	}
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		if reason := wire.FromError(status.Error(c, "")).Reason.String(); plain[codeName(c)] != reason {
			t.Errorf("%s alone is %s in the code and %q in errors.md", codeName(c), reason, plain[codeName(c)])
		}
	}
}

func TestEveryCallHasATableOfOutcomes(t *testing.T) {
	byService := map[string]string{"Plugin": "plugin.md", "SecretMetadata": "metadata.md", "SecretValue": "value.md", "SecretWrite": "write.md"}
	seen := 0
	for _, file := range []protoreflect.FileDescriptor{
		pb.File_identitymesh_secretprovider_v1_plugin_proto, pb.File_identitymesh_secretprovider_v1_metadata_proto,
		pb.File_identitymesh_secretprovider_v1_value_proto, pb.File_identitymesh_secretprovider_v1_write_proto,
	} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			text := page(t, byService[string(service.Name())])
			for j := range service.Methods().Len() {
				call := string(service.Methods().Get(j).Name())
				seen++
				if table := rows(section(text, call), 4); len(table) < 2 || table[0][0] != "Condition" {
					t.Errorf("%s of %s has no table of outcomes", call, service.Name())
				}
			}
		}
	}
	if seen < 12 {
		t.Errorf("found only %d calls", seen)
	}
}

func TestOutcomesTravelWithTheCodeOfTheirReason(t *testing.T) {
	codeOf, seen := map[string]string{"": "OK"}, 0
	for _, r := range fault.Reasons() {
		codeOf[r.String()] = codeName(wire.Code(r))
	}
	for name, text := range pages(t) {
		outcomes := false
		for _, r := range rows(text, 4) {
			if r[1] == "Code" {
				outcomes = r[2] == "Reason"
			} else if outcomes {
				seen++
				if r[1] != codeOf[r[2]] {
					t.Errorf("%s: %q: the reason %q travels as %q, not as %q", name, r[0], r[2], codeOf[r[2]], r[1])
				}
			}
		}
	}
	if seen < 60 {
		t.Errorf("found only %d outcomes", seen)
	}
}

func TestExampleOfANameIsRight(t *testing.T) {
	for _, r := range rows(section(page(t, "README.md"), "Refs and names"), 2)[1:] {
		if naming.Name(r[0]) != r[1] {
			t.Errorf("the name of %s is %s, not %s", r[0], naming.Name(r[0]), r[1])
		}
	}
}

var (
	headings = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	rule     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	noAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)
)

func anchors(text string) map[string]int {
	all := map[string]int{}
	for _, m := range headings.FindAllStringSubmatch(text, -1) {
		all[strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")]++
	}
	return all
}

func TestLinksAndRulesOfTheSpecification(t *testing.T) {
	all, owner := pages(t), map[string]string{}
	for name, text := range all {
		for anchor, times := range anchors(text) {
			if times > 1 {
				t.Errorf("%s has the anchor %s %d times", name, anchor, times)
			}
			if rule.MatchString(anchor) && strings.Contains(text, "\n### "+anchor+"\n") {
				if other := owner[anchor]; other != "" {
					t.Errorf("the rule %s is in %s and in %s", anchor, other, name)
				}
				owner[anchor] = name
			}
		}
		for _, m := range links.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			if target == "" {
				target = name
			}
			if _, err := os.Stat(filepath.Join(specFolder, target)); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			} else if other, ours := all[target]; ours && anchor != "" && anchors(other)[anchor] == 0 {
				t.Errorf("%s links to %s, which has no such anchor", name, m[1])
			}
		}
	}
	if len(owner) < 40 {
		t.Errorf("found only %d rules", len(owner))
	}
}

func TestTypesOfTheConfigSchemaAreThoseOfTheCode(t *testing.T) {
	_, text, _ := strings.Cut(page(t, "plugin.md"), "\n### Config schema\n")
	text, _, _ = strings.Cut(text, "\n### ")
	found := map[string]string{}
	for _, r := range rows(text, 3)[1:] {
		found[r[0]] = r[1]
	}
	types := pb.ConfigField_Type(0).Descriptor().Values()
	for i := 1; i < types.Len(); i++ {
		name, number := strings.TrimPrefix(string(types.Get(i).Name()), "TYPE_"), fmt.Sprint(types.Get(i).Number())
		if found[name] != number || configschema.Type(types.Get(i).Number()).String() != name {
			t.Errorf("the type %s has the number %s in the messages, %q in plugin.md and is %s in the code",
				name, number, found[name], configschema.Type(types.Get(i).Number()))
		}
	}
	if len(found) != types.Len()-1 || configschema.Type(types.Len()).String() != "UNSPECIFIED" {
		t.Errorf("plugin.md has %d types, the messages %d", len(found), types.Len()-1)
	}
}
