//go:build unix && !linux

package wholefile

import "errors"

func renameExclusive(string, string) error { return errors.ErrUnsupported }
