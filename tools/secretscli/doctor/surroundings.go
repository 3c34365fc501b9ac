package doctor

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/tools/secretscli/installed"
)

// keyProvider decides over the provider.
const keyProvider = "Secrets:Provider"

// problems takes an error of the configuration apart.
func problems(err error) diag.List {
	var invalid *diag.InvalidError
	if errors.As(err, &invalid) {
		return invalid.Diagnostics
	}
	return diag.List{{Severity: diag.Error, Summary: err.Error()}}
}

func files(s *appsettings.Settings) Check {
	read := "no file was found, so the defaults and environment variables are used"
	if len(s.Files) > 0 {
		read = "read " + strings.Join(s.Files, ", then ")
	}
	return Check{Name: "configuration", Status: OK, Message: fmt.Sprintf("%s (environment %s)", read, s.Environment)}
}

func choice(s *appsettings.Settings, c catalog.Choice) Check {
	check := Check{Name: "provider", Status: OK, Message: fmt.Sprintf("%s: %s", c.Provider, c.Why)}
	if c.Fallback {
		check.Status = Fail
		check.Message = fmt.Sprintf("%s is a fallback: %s", c.Provider, c.Why)
		check.Next = fmt.Sprintf("correct %s (%s); with Secrets:Strict true nothing starts with an unknown name", keyProvider, s.Origin(keyProvider))
	}
	return check
}

// file compares the plugin's file with its pin, before it is started.
func file(c catalog.Choice) Check {
	p := installed.Examine(c)
	if p.State != installed.OK {
		return Check{Name: "plugin file", Status: Fail, Message: p.Problem, Next: p.Next}
	}
	check := Check{Name: "plugin file", Status: OK, Message: fmt.Sprintf("%s has SHA-256 %s, as %s pins it", p.Path, p.FoundSha256, p.Pin)}
	if p.Version != "" {
		check.Message += ", for version " + p.Version
	}
	return check
}

// folder looks at who may use the data folder.
func folder(path string) Check {
	check := Check{Name: "data folder"}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		check.Status, check.Message = OK, path+" does not exist yet; it is made when it is first needed"
	case err != nil:
		check.Status, check.Message = Fail, err.Error()
		check.Next = "let the account that runs this into the folder, or set IdentityMesh:DataFolder"
	case !info.IsDir():
		check.Status, check.Message = Fail, path+" is not a folder"
		check.Next = "set IdentityMesh:DataFolder to a folder"
	default:
		check.Status, check.Message, check.Next = access(path, info)
	}
	return check
}
