package ldap

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/engine/identity"
)

func TestGUIDsAndSIDsReadAsMicrosoftPrintsThem(t *testing.T) {
	for name, tc := range map[string]struct {
		decode func(string) (string, bool)
		raw    string
		want   string
	}{
		"a GUID swaps its first three groups": {guidText, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", "03020100-0504-0706-0809-0a0b0c0d0e0f"},
		"a short GUID is none":                {guidText, "short", ""},
		"Local System":                        {sidText, "\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00", "S-1-5-18"},
		"a domain account": {sidText, "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\xa0\x65\xcf\x7e\x78\x4b\x9b\x5f\xe7\x7c\x87\x70\x09\x1c\x01\x00",
			"S-1-5-21-2127521184-1604012920-1887927527-72713"},
		"an authority above 32 bits is hexadecimal": {sidText, "\x01\x01\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00", "S-1-0x000100000000-1"},
		"a SID without sub-authorities":             {sidText, "\x01\x00\x00\x00\x00\x00\x00\x05", "S-1-5"},
		"a SID of another revision":                 {sidText, "\x02\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00", ""},
		"a SID cut short":                           {sidText, "\x01\x02\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00", ""},
		"a SID with too many sub-authorities":       {sidText, "\x01\x10\x00\x00\x00\x00\x00\x05" + strings.Repeat("abcd", 16), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := tc.decode(tc.raw); got != tc.want || ok != (tc.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, tc.want)
			}
		})
	}
}

func TestTimesOfDirectories(t *testing.T) {
	for text, want := range map[string]string{
		"20261122195200Z":      "20261122195200Z",
		"20261122195200.9Z":    "20261122195200Z",
		"20261122205200+0100":  "20261122195200Z",
		"202611221952Z":        "20261122195200Z",
		"2026-11-22T19:52:00Z": "", "": "", "yesterday": "", "20269922195200Z": "",
	} {
		got, ok := parseTime(text)
		if ok != (want != "") || ok && formatTime(got) != want {
			t.Errorf("%q read as %s, %v, want %q", text, got, ok, want)
		}
	}
}

func TestTheWatermarkStaysBehindWhatMayStillComeAndNeverGoesBack(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	old := start.Add(-48 * time.Hour)
	for name, tc := range map[string]struct {
		stamps             []string
		old, want          time.Time
		unordered, garbage bool
	}{
		"nothing seen keeps the old one":                {old: old, want: old},
		"nothing seen and nothing old":                  {},
		"the newest counts":                             {stamps: []string{"20261121000000Z", "20261122000000Z"}, old: old, want: start.Add(-12 * time.Hour)},
		"an older one is noticed":                       {stamps: []string{"20261122000000Z", "20261121000000Z"}, want: start.Add(-12 * time.Hour), unordered: true},
		"only overlap seen":                             {stamps: []string{"20261101000000Z"}, old: old, want: old},
		"a change during the read waits for the next":   {stamps: []string{"20261122120500Z"}, old: old, want: start},
		"more than a day in the future is not believed": {stamps: []string{"20261122000000Z", "20991122000000Z"}, want: start.Add(-12 * time.Hour), garbage: true},
		"garbage is not believed":                       {stamps: []string{"never"}, old: old, want: old, garbage: true},
	} {
		t.Run(name, func(t *testing.T) {
			line := &timeline{start: start}
			for _, s := range tc.stamps {
				line.observe(s)
			}
			if got := line.reached(tc.old); !got.Equal(tc.want) || line.unordered != tc.unordered || (line.unusable > 0) != tc.garbage {
				t.Errorf("reached %s, want %s; %+v", got, tc.want, line)
			}
		})
	}
}

func TestWhatBecomesOfAttributes(t *testing.T) {
	for name, tc := range map[string]struct {
		attribute string
		values    []string
		config    settings
		want      string // joined by |, empty when dropped
	}{
		"text stays":                                 {"cn", []string{"Änne"}, settings{}, "Änne"},
		"values are sorted":                          {"mail", []string{"b", "a"}, settings{}, "a|b"},
		"text that is not UTF-8 becomes base64":      {"legacy", []string{"ok", "\xff"}, settings{}, "/w==|b2s="},
		"text with a NUL becomes base64":             {"flags", []string{"\x00\x01"}, settings{}, "AAE="},
		"photos are base64 even when they look text": {"jpegPhoto", []string{"abc"}, settings{}, "YWJj"},
		"a declared binary attribute":                {"employeeBadge", []string{"abc"}, settings{binaryAttributes: []string{"EMPLOYEEbadge"}}, "YWJj"},
		"the option binary":                          {"extra;binary", []string{"abc"}, settings{}, "YWJj"},
		"options are kept":                           {"cn;lang-de", []string{"Anne"}, settings{}, "Anne"},
		"userPassword is dropped":                    {"userPassword", []string{"{SSHA}x"}, settings{attributes: []string{"*"}}, ""},
		"passwords are dropped in any spelling":      {"UNICODEPWD;x", []string{"x"}, settings{}, ""},
		"bookkeeping is dropped":                     {"uSNChanged", []string{"5"}, settings{}, ""},
		"bookkeeping stays when listed":              {"uSNChanged", []string{"5"}, settings{attributes: []string{"usnchanged"}}, "5"},
		"sIDHistory holds several SIDs":              {"sIDHistory", []string{"\x01\x01\x00\x00\x00\x00\x00\x05\x13\x00\x00\x00", "\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00"}, settings{}, "S-1-5-18|S-1-5-19"},
		"a broken objectSid is base64":               {"objectSid", []string{"\xff"}, settings{}, "/w=="},
		"no values, no attribute":                    {"title", nil, settings{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tc.config.anchor, tc.config.objectType = "id", "person"
			o, _, rejected := newConverter(&tc.config).object(entry{dn: "cn=x", attributes: []identity.Attribute{
				{Name: tc.attribute, Values: tc.values}, {Name: "ID", Values: []string{"7"}}}})
			if rejected != nil || o.Anchor != "7" || o.Type != "person" || o.Get("dn")[0] != "cn=x" {
				t.Fatalf("object %+v, rejected %v", o, rejected)
			}
			if got := strings.Join(o.Get(tc.attribute), "|"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestEntriesWithoutOneAnchorAreRejected(t *testing.T) {
	for name, values := range map[string][]string{"none": nil, "two": {"a", "b"}, "an empty one": {""}} {
		_, _, rejected := newConverter(&settings{anchor: "id"}).object(entry{dn: "cn=x", attributes: []identity.Attribute{{Name: "id", Values: values}}})
		if rejected == nil || rejected.Entry != "cn=x" || !strings.Contains(rejected.Reason, "id") {
			t.Errorf("%s: rejection %+v", name, rejected)
		}
	}
}

func FuzzEntries(f *testing.F) {
	f.Add("objectGUID", "0123456789abcdef", "modifyTimestamp", "20261122195200Z")
	f.Add("objectSid", "\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00", "cn;binary", "\xff")
	f.Add("member;range=0-1", "x", ";", "")
	f.Fuzz(func(t *testing.T, name, value, name2, value2 string) {
		line := &timeline{start: time.Unix(1_800_000_000, 0)}
		c := newConverter(&settings{anchor: "objectGUID", objectType: "user"})
		o, stamp, rejected := c.object(entry{dn: value, attributes: []identity.Attribute{
			{Name: name, Values: []string{value}}, {Name: name2, Values: []string{value2, value}}}})
		line.observe(stamp)
		if formatTime(line.reached(time.Time{})) == "" {
			t.Error("a time without text")
		}
		if rejected != nil {
			return
		}
		if o.Anchor == "" {
			t.Error("an object without anchor")
		}
		for _, a := range o.Attributes {
			for _, v := range a.Values {
				if !utf8.ValidString(v) {
					t.Errorf("%s holds %q", a.Name, v)
				}
			}
		}
	})
}
