// Package tsql parses every statement that the product sends to SQL Server, and
// its migrations, with a strict parser of T-SQL, because most who build the
// product have no SQL Server.
//
// The parser is sqlfluff, which Python's own installer fetches by pinned hashes
// into a folder of the user's cache. What the statements are is left to the tests
// of their packages; see package fakeserver. Start reading at [Check].
package tsql

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/identitymesh/identitymesh/build/command"
)

var (
	//go:embed requirements.txt
	requirements []byte
	//go:embed check.py
	program []byte
)

// MissingError says why the parser cannot be had.
type MissingError struct{ Err error }

func (e *MissingError) Error() string {
	return fmt.Sprintf("the parser of T-SQL cannot be installed, which takes Python 3 with venv and its package registry: %v", e.Err)
}

// Unwrap returns what went wrong.
func (e *MissingError) Unwrap() error { return e.Err }

// recorded are the tests that keep what they send, and the files that they write.
var recorded = []struct{ module, folder, test, file string }{
	{"engine", "audit", "TestEveryStatementForSQLServerIsWellFormed", "audit.sql"},
	{"engine", "store", "TestEveryStatementForSQLServerIsWellFormed", "store.sql"},
	{"plugins/dpapi", "rows", "TestEveryStatementForSQLServerIsWellFormed", "rows.sql"},
	{"sdk", "productdb", "TestMigratingASQLServerHappensUnderItsLock", "productdb.sql"},
}

// outVariable is fakeserver.Out.
const outVariable = "IDENTITYMESH_TEST_SQL_OUT"

// Check records the statements of the repository at root and parses them.
func Check(ctx context.Context, root string) error {
	python, err := Install(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "identitymesh-tsql-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var files []string
	for _, r := range recorded {
		_, err := command.Run(ctx, command.Spec{Dir: filepath.Join(root, r.module), Env: []string{"GOWORK=off", outVariable + "=" + dir},
			Args: []string{"go", "test", "-count=1", "-run", "^" + r.test + "$", "./" + r.folder}})
		if err != nil {
			return err
		}
		files = append(files, filepath.Join(dir, r.file))
	}
	for _, folder := range []string{"engine/audit", "engine/store", "plugins/dpapi/rows"} {
		migrations, err := filepath.Glob(filepath.Join(root, folder, "migrations", "sqlserver", "*.sql"))
		if err != nil || len(migrations) == 0 {
			return fmt.Errorf("%s has no migrations for SQL Server: %w", folder, err)
		}
		files = append(files, migrations...)
	}
	return Parse(ctx, python, files...)
}

// Parse fails with what python's parser does not take for T-SQL in the files.
func Parse(ctx context.Context, python string, files ...string) error {
	script, err := os.CreateTemp("", "identitymesh-tsql-*.py")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(script.Name()) }()
	_, err = script.Write(program)
	if err := errors.Join(err, script.Close()); err != nil {
		return err
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() == 0 {
			return fmt.Errorf("nothing to parse in %s: %w", f, err)
		}
	}
	out, err := command.Run(ctx, command.Spec{Args: append([]string{python, script.Name()}, files...)})
	if err != nil {
		return fmt.Errorf("not T-SQL:\n%s\n%w", out, err)
	}
	return nil
}

const installTime = 5 * time.Minute

// Install returns the Python that has the parser, made once for each list of
// requirements. Its error is [*MissingError].
func Install(ctx context.Context) (python string, err error) {
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", &MissingError{err}
	}
	sum := sha256.Sum256(requirements)
	folder := filepath.Join(cache, "identitymesh", "tsql-"+hex.EncodeToString(sum[:6]))
	bin := "bin/python"
	if runtime.GOOS == "windows" {
		bin = "Scripts/python.exe"
	}
	python = filepath.Join(folder, filepath.FromSlash(bin))
	done := filepath.Join(folder, "installed")
	if _, err := os.Stat(done); err == nil {
		return python, nil
	}
	list := filepath.Join(folder, "requirements.txt")
	for _, step := range []func() error{
		func() error {
			_, err := command.Run(ctx, command.Spec{Args: []string{"python3", "-m", "venv", "--clear", folder}})
			return err
		},
		func() error { return os.WriteFile(list, requirements, 0o600) },
		func() error {
			_, err := command.Run(ctx, command.Spec{Args: []string{python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
				"--require-hashes", "--only-binary=:all:", "-r", list}})
			return err
		},
		func() error { return os.WriteFile(done, nil, 0o600) },
	} {
		if err := step(); err != nil {
			return "", &MissingError{err}
		}
	}
	return python, nil
}
