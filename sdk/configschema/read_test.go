package configschema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/configschema"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// sample has every type and every relation.
func sample() configschema.Schema {
	even := func(text string, problems *diag.List) {
		if len(text)%2 != 0 {
			problems.Errorf("", "expected an even number of letters")
		}
		if text == "!!" {
			problems.Warnf("", "expected letters")
		}
	}
	return configschema.Schema{
		Fields: []configschema.Field{
			{Key: "Host", Type: configschema.Text, About: "where", Required: true, Example: "a.example", Check: even},
			{Key: "Port", Type: configschema.Integer, About: "port", Default: "389", Min: "1", Max: "65535"},
			{Key: "Wait", Type: configschema.Duration, About: "wait", Default: "1m", Min: "1s", Max: "1h"},
			{Key: "Back", Type: configschema.DurationOrCount, About: "back"},
			{Key: "Mode", Type: configschema.Enum, About: "mode", Default: "slow", Values: []string{"slow", "fast"}, Synonyms: map[string]string{"Quick": "fast"}},
			{Key: "Strict", Type: configschema.Bool, About: "strict"},
			{Key: "Names", Type: configschema.List, About: "names", Check: even},
			{Key: "Pass", Type: configschema.Sensitive, About: "password", Formerly: []string{"Password"}},
			{Key: "PassRef", Type: configschema.Ref, About: "ref", OnlyWith: "User"},
			{Key: "User", Type: configschema.Text, About: "user", RequiredWith: "PassRef"},
			{Key: "Tls", Type: configschema.Object, About: "tls", Fields: []configschema.Field{
				{Key: "Ca", Type: configschema.Text, About: "authorities", Required: true},
				{Key: "Depth", Type: configschema.Integer, About: "depth", Default: "3"},
			}},
			{Key: "One", Type: configschema.Text, About: "one"},
			{Key: "Two", Type: configschema.Text, About: "two"},
		},
		ExactlyOne: [][]string{{"One", "Two"}},
	}
}

const least = `"host":"aa","one":"1"`

func TestEveryProblemOfADocumentIsFoundAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		want   []string // beginnings of what each diagnostic says
	}{
		"the least that is needed":       {`{` + least + `}`, nil},
		"null is as good as absent":      {`{` + least + `,"Port":null,"Mode":null,"Tls":null}`, nil},
		"keys and values in other case":  {`{"HOST":"aa","oNe":"1","MODE":"FAST"}`, nil},
		"every type":                     {`{` + least + `,"Port":1,"Wait":"00:00:05","Back":7,"Mode":"quick","Strict":true,"Names":["ab"],"Pass":" ","PassRef":"secret://a/b","User":"u","Tls":{"Ca":"x"}}`, []string{"Pass: it must not be empty"}},
		"nothing":                        {`{}`, []string{"Host: it is required; expected a text such as a.example", "One: it is required, or Two instead of it"}},
		"no object":                      {`["CANARY"]`, []string{"expected a JSON object"}},
		"half an object":                 {`{"Host":"CANARY"`, []string{"expected a JSON object"}},
		"two objects":                    {`{} {}`, []string{"expected a JSON object"}},
		"an empty input":                 {``, []string{"expected a JSON object"}},
		"a bound that is crossed":        {`{` + least + `,"Port":65536,"Wait":"0s"}`, []string{"Port: expected a whole number from 1 to 65535", "Wait: expected a duration from 1s to 1h"}},
		"numbers that are not whole":     {`{` + least + `,"Port":1.5,"Back":1e3}`, []string{"Port: expected a whole number", "Back: expected a duration or a whole number"}},
		"types of settings":              {`{` + least + `,"Port":"1","Wait":5,"Strict":"true","Names":"a;b","Back":"5"}`, []string{"Port: expected a whole number from 1 to 65535, found a text", "Wait: expected a duration from 1s to 1h such as", "Back: expected", "Strict: expected true or false, found a text", "Names: expected an array of texts, found a text"}},
		"a list of something else":       {`{` + least + `,"Names":[1,null]}`, []string{"Names: expected an array of texts"}},
		"a list with a null":             {`{` + least + `,"Names":[null]}`, []string{"Names: expected an array of texts"}},
		"values that a check refuses":    {`{"host":"a","one":"1","Names":["abc","ab","a"]}`, []string{"Host: expected an even", "Names: expected an even", "Names: expected an even"}},
		"a warning of a check":           {`{"host":"!!","one":"1"}`, []string{"warning: Host: expected letters"}},
		"an unknown choice":              {`{` + least + `,"Mode":"CANARY"}`, []string{"Mode: expected one of slow, fast"}},
		"a password where a ref belongs": {`{` + least + `,"PassRef":"CANARY","User":"u"}`, []string{"PassRef: expected a reference such as secret://ad/svc/password, never the secret itself"}},
		"an object that is none":         {`{` + least + `,"Tls":"CANARY"}`, []string{"Tls: expected an object, found a text"}},
		"a nested key":                   {`{` + least + `,"Tls":{"Depth":"CANARY"}}`, []string{"Tls:Ca: it is required", "Tls:Depth: expected a whole number, found a text"}},
		"a key twice":                    {`{` + least + `,"Port":1,"Port":1}`, []string{"Port: it is given more than once"}},
		"a key twice in other case":      {`{` + least + `,"Pass":"CANARY","pass":"CANARY"}`, []string{"Pass: it is given more than once"}},
		"a key under both names":         {`{` + least + `,"Pass":"x","Password":"x"}`, []string{"warning: Password: this key is called Pass now", "Pass: it is given more than once"}},
		"a key under its older name":     {`{` + least + `,"password":"x"}`, []string{"warning: password: this key is called Pass now"}},
		"a key without its companion":    {`{` + least + `,"PassRef":"secret://a"}`, []string{"PassRef: it has no meaning without User", "User: it is required with PassRef; expected a text"}},
		"both of a group":                {`{` + least + `,"Two":"2"}`, []string{"Two: it excludes One; keep one of them"}},
		"unknown keys, near and far":     {`{` + least + `,"Prot":1,"Colour":"CANARY","Tls":{"Ca":"x","Deth":1}}`, []string{"Tls:Deth: this key is not known; did you mean Tls:Depth?", "Prot: this key is not known; did you mean Port?", "Colour: this key is not known; known are Host, Port, Wait"}},
		"a key that may be a secret":     {`{` + least + `,"Server=x;Password=CANARY":1}`, []string{"a key that is not known is not repeated here"}},
		"a wrong value of a group":       {`{"host":"aa","One":5}`, []string{"One: expected a text, found a number"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := sample().Read([]byte(c.config))
			var got []string
			for _, d := range problems {
				got = append(got, d.String())
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if strings.Contains(fmt.Sprint(got), "CANARY") {
				t.Error("a value is repeated")
			}
		})
	}
}

func TestManyUnknownKeysAreCutShort(t *testing.T) {
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	_, problems := sample().Read([]byte(`{` + least + b.String() + `}`))
	if len(problems) != 21 || problems[20].Summary != "49980 further keys are not known" {
		t.Errorf("%d problems, the last is %v", len(problems), problems[len(problems)-1])
	}
}

func TestSettingsMayBeTextsAndUnknownKeysAreWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		want   []string
	}{
		"nothing at all":                {` `, []string{"expected a JSON object"}},
		"null":                          {`null`, []string{"expected a JSON object"}},
		"a blank text counts as absent": {`{` + least + `,"Port":"","Mode":" ","Names":"","Strict":""}`, nil},
		"a blank text is not enough":    {`{"Host":" ","One":"1"}`, []string{"Host: it is required"}},
		"a list without a beginning":    {`{` + least + `,"Names":{"1":"ab"}}`, []string{"Names: expected an array of texts"}},
		"a list under names":            {`{` + least + `,"Names":{"x":"ab"}}`, []string{"Names: expected an array of texts"}},
		"an unknown key":                {`{` + least + `,"Prot":1}`, []string{"warning: Prot: this key is not known and has no effect; did you mean Port?"}},
		"a number for a text":           {`{"Host":55,"One":"1"}`, []string{"Host: expected a text such as a.example, found a number"}},
		"a truth that is none":          {`{` + least + `,"Strict":"maybe"}`, []string{"Strict: expected true or false"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := sample().ReadSettings([]byte(c.config))
			var got []string
			for _, d := range problems {
				got = append(got, d.String())
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestValuesAreTheSameInEveryForm(t *testing.T) {
	read := map[string]func([]byte) (*configschema.Values, diag.List){
		`{"Host":" aa ","One":"1","Port":636,"Wait":"90s","Back":"2h","Mode":"FAST","Strict":true,"Names":["ab","cd"],"Pass":" p ","User":"u","PassRef":"secret://a/b","Tls":{"Ca":"x"}}`:                                 sample().Read,
		`{"HOST":"aa","ONE":"1","PORT":"636","WAIT":90,"BACK":"02:00:00","MODE":"quick","STRICT":"True","NAMES":"ab; cd;","PASS":" p ","USER":"u","PASSREF":"secret://a/b","TLS":{"CA":"x"}}`:                             sample().ReadSettings,
		`{"Host":"aa","One":"1","Port":"636","Wait":"90","Back":"120m","Mode":"fast","Strict":1,"Names":{"1":"cd","0":" ab"},"Password":" p ","User":"u","PassRef":"secret://a/b","Tls":{"Ca":"x","Depth":"3"},"Two":""}`: sample().ReadSettings,
	}
	for config, read := range read {
		v, problems := read([]byte(config))
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		got := fmt.Sprintln(v.Text("Host"), v.Int("Port"), v.Duration("Wait"), v.Duration("Back"), v.Int("Back"), v.Text("Mode"), v.Bool("Strict"), v.List("Names"),
			string(v.Secret("Pass").Reveal()), v.Ref("PassRef"), v.Text("Tls:Ca"), v.Int("Tls:Depth"), v.Has("Tls:Ca"), v.Has("Two"), v.Refs())
		if want := "aa 636 1m30s 2h0m0s 0 fast true [ab cd]  p  secret://a/b x 3 true false [secret://a/b]\n"; got != want {
			t.Errorf("%s\ngot  %swant %s", config, got, want)
		}
	}
}

func TestDefaultsStandInForWhatIsAbsentAndNotForWhatIsWrong(t *testing.T) {
	v, _ := sample().Read([]byte(`{` + least + `}`))
	if v.Int("Port") != 389 || v.Duration("Wait") != time.Minute || v.Text("Mode") != "slow" || v.Int("Tls:Depth") != 3 || v.Has("Port") || !v.Secret("Pass").IsZero() {
		t.Errorf("port %d, wait %s, mode %q", v.Int("Port"), v.Duration("Wait"), v.Text("Mode"))
	}
	v, _ = sample().Read([]byte(`{"Port":"x","Host":"odd"}`))
	if v.Int("Port") != 0 || v.Text("Host") != "" || !v.Has("Port") || !v.Has("Host") {
		t.Errorf("port %d, host %q", v.Int("Port"), v.Text("Host"))
	}
	if v, _ := sample().Read([]byte(`[]`)); v != nil {
		t.Error("there are values of what is no object")
	}
}

func TestAskingForWhatIsNotDeclaredIsAMistakeOfTheProgram(t *testing.T) {
	v, _ := sample().Read([]byte(`{}`))
	for name, ask := range map[string]func(){
		"no such key":  func() { v.Text("Nope") },
		"another type": func() { v.Text("Port") },
		"no such Has":  func() { v.Has("host") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it went unnoticed")
				}
			}()
			ask()
		})
	}
}

func TestValuesPrintNothing(t *testing.T) {
	v, _ := sample().Read([]byte(`{"Host":"CANARY","Pass":"CANARY"}`))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if text := fmt.Sprintf(verb, v); text != "[configuration]" {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func FuzzReadingNeverPanicsAndNeverRepeatsAValue(f *testing.F) {
	f.Add(`{"Host":"CANARY","Port":1,"Wait":"5m","Names":["CANARY"],"Tls":{"Ca":"CANARY"}}`, true)
	f.Add(`{"host":{"CANARY":1},"PASSREF":"CANARY","Mode":"CANARY","Back":"CANARY","Names":{"0":"CANARY"}}`, false)
	f.Add(`{"Pass":"CANARY","Password":"CANARY","Port":99999999999999999999,"x":null}`, true)
	f.Fuzz(func(t *testing.T, config string, settings bool) {
		s := sample()
		read := s.Read
		if settings {
			read = s.ReadSettings
		}
		v, problems := read([]byte(config))
		if again, _ := read([]byte(config)); (again == nil) != (v == nil) {
			t.Error("the second reading differs")
		}
		for _, d := range problems {
			// A key may be called so; a value must not be quoted.
			if strings.Contains(d.Summary+d.Detail, "CANARY") && !strings.Contains(d.Path, "CANARY") {
				t.Errorf("a value is repeated: %s", d)
			}
			if len(d.Path) > 200 {
				t.Errorf("a path has %d bytes", len(d.Path))
			}
		}
		if v == nil {
			if len(problems) != 1 {
				t.Errorf("%v", problems)
			}
			return
		}
		if problems.HasErrors() {
			return
		}
		if port := v.Int("Port"); port < 1 || port > 65535 || v.Text("Host") == "" || v.Duration("Wait") < time.Second {
			t.Errorf("%s passed as port %d, host %q, wait %s", config, port, v.Text("Host"), v.Duration("Wait"))
		}
		for _, ref := range v.Refs() {
			if _, err := secret.ParseConfigRef(string(ref)); err != nil {
				t.Error(err)
			}
		}
	})
}
