package ldap_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/connector/ldap"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

var minimal = settings{"host": "ldap.example.test", "baseDn": "dc=example,dc=test", "attributes": []string{"cn"}}

func TestConfigurationsAreCheckedKeyByKey(t *testing.T) {
	ad := minimal.with("directory", "activeDirectory").with("passwordSecretRef", "secret://ad/pw")
	for name, tc := range map[string]struct {
		config any
		paths  []string // of errors, and of warnings with a leading !
	}{
		"the least that is needed":            {minimal, nil},
		"a name and a password":               {minimal.with("bindDn", "cn=a,dc=b").with("passwordSecretRef", "secret://a/b"), nil},
		"a user principal name for AD":        {ad.with("bindDn", "svc@corp.test"), nil},
		"a DOMAIN\\user for AD":               {ad.with("bindDn", `CORP\svc`), nil},
		"a DN for AD":                         {ad.with("bindDn", "CN=svc,DC=corp,DC=test"), nil},
		"a null counts as absent":             {minimal.with("port", nil), nil},
		"attribute options":                   {minimal.with("attributes", []string{"cn;lang-de", "2.5.4.3", "*", "+"}), nil},
		"nothing at all":                      {settings{}, []string{"host", "baseDn", "!attributes"}},
		"no object":                           {[]string{"x"}, []string{""}},
		"a host with a scheme":                {minimal.with("host", "ldap://x"), []string{"host"}},
		"unknown and misspelt keys":           {minimal.with("baseDM", "x").with("zzz", 1).with("tls", settings{"ca": "x"}), []string{"tls:ca", "baseDM", "zzz"}},
		"keys in any case":                    {settings{"HOST": "a", "BaseDN": "dc=b", "Attributes": []string{"cn"}}, nil},
		"a key twice, in another case":        {minimal.with("basedn", "dc=x"), []string{"baseDn"}},
		"a port out of range":                 {minimal.with("port", 70000), []string{"port"}},
		"a port in quotes":                    {minimal.with("port", "636"), []string{"port"}},
		"an unknown security":                 {minimal.with("security", "ssl"), []string{"security"}},
		"an unknown directory":                {minimal.with("directory", "edirectory"), []string{"directory"}},
		"plain with a password":               {minimal.with("security", "none").with("bindDn", "cn=a").with("passwordSecretRef", "secret://a/b"), []string{"!security"}},
		"plain with a certificate":            {minimal.with("security", "none").with("tls", settings{"caFile": "x"}), []string{"!tls"}},
		"a name without password":             {minimal.with("bindDn", "cn=a"), []string{"passwordSecretRef"}},
		"a password without name":             {minimal.with("passwordSecretRef", "secret://a/b"), []string{"bindDn"}},
		"a password instead of a ref":         {minimal.with("bindDn", "cn=a").with("passwordSecretRef", "canary-hunter2"), []string{"passwordSecretRef"}},
		"a bind name that is no DN":           {minimal.with("bindDn", "svc@corp.test").with("passwordSecretRef", "secret://a/b"), []string{"bindDn"}},
		"a base that is no DN":                {minimal.with("baseDn", "example"), []string{"baseDn"}},
		"a filter that is none":               {minimal.with("filter", "(uid=*"), []string{"filter"}},
		"a filter without brackets":           {minimal.with("filter", "uid=*"), []string{"filter"}},
		"no attribute names":                  {minimal.with("attributes", []string{"c n", ""}), []string{"attributes", "attributes"}},
		"attributes that are no list":         {minimal.with("attributes", "cn"), []string{"attributes"}},
		"passwords are not importable":        {minimal.with("attributes", []string{"userPassword"}).with("anchorAttribute", "unicodePwd"), []string{"attributes", "anchorAttribute"}},
		"an empty list of attributes":         {minimal.with("attributes", []string{}), []string{"!attributes"}},
		"page sizes out of range":             {minimal.with("pageSize", 5001), []string{"pageSize"}},
		"durations that are none":             {minimal.with("timeout", "soon").with("overlap", "-1s"), []string{"timeout", "overlap"}},
		"a timeout as a number":               {minimal.with("timeout", 60), []string{"timeout"}},
		"a negative overlap of USNs":          {minimal.with("overlapUsn", -1), []string{"overlapUsn"}},
		"sorting does not go with AD":         {minimal.with("directory", "activeDirectory").with("serverSideSort", true), []string{"serverSideSort"}},
		"sorting is true or false":            {minimal.with("serverSideSort", "yes"), []string{"serverSideSort"}},
		"binary attributes that are no names": {minimal.with("binaryAttributes", []string{"?"}), []string{"binaryAttributes"}},
		"an empty object type":                {minimal.with("objectType", " "), []string{"objectType"}},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := json.Marshal(tc.config)
			if err != nil {
				t.Fatal(err)
			}
			diags := ldap.Kind{}.Validate(raw)
			var paths []string
			for _, d := range diags {
				path := d.Path
				if len(diags.Warnings()) > 0 && slices.Contains(diags.Warnings(), d) {
					path = "!" + path
				}
				paths = append(paths, path)
				if strings.Contains(d.String(), "canary") {
					t.Errorf("repeats what may be the secret: %s", d)
				}
			}
			if !slices.Equal(paths, tc.paths) {
				t.Errorf("problems %v\nwant at %v", diags, tc.paths)
			}
			_, err = ldap.Kind{}.Open(raw, map[secret.Ref]secret.Value{
				"secret://a/b": secret.NewValue([]byte("x")), "secret://ad/pw": secret.NewValue([]byte("x"))}, connector.Environment{})
			if (err != nil) != diags.HasErrors() {
				t.Errorf("Open says %v", err)
			}
		})
	}
}

func TestInputThatIsNoJSONIsOneProblem(t *testing.T) {
	for _, raw := range []string{"", "null", "{", `{"host":"a"} {}`, `"canary"`} {
		diags := ldap.Kind{}.Validate(json.RawMessage(raw))
		if len(diags) == 0 || !diags.HasErrors() || strings.Contains(diags[0].String(), "canary") {
			t.Errorf("%q gives %v", raw, diags)
		}
	}
}

func TestTheRefOfThePasswordIsDeclaredAndNeeded(t *testing.T) {
	raw, _ := json.Marshal(minimal.with("bindDn", "cn=a").with("passwordSecretRef", "secret://a/b"))
	if refs := connector.SecretRefs(ldap.Kind{}, raw); !slices.Equal(refs, []secret.Ref{"secret://a/b"}) {
		t.Errorf("refs %v", refs)
	}
	anonymous, _ := json.Marshal(minimal)
	if refs := connector.SecretRefs(ldap.Kind{}, anonymous); len(refs) != 0 {
		t.Errorf("refs %v", refs)
	}
	_, err := ldap.Kind{}.Open(raw, nil, connector.Environment{})
	if err == nil || !strings.Contains(err.Error(), "secret://a/b") {
		t.Errorf("Open without the value says %v", err)
	}
}
