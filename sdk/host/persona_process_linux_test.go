package host_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// processesOf returns the command lines of the living processes that have the
// mark in their environment.
func processesOf(mark string) (found []string) {
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environs {
		environ, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(append([]byte{0}, environ...), append([]byte{0}, mark+"\x00"...)) {
			continue
		}
		pid := filepath.Base(filepath.Dir(path))
		name, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		found = append(found, "process "+pid+" "+strings.ReplaceAll(string(name), "\x00", " "))
	}
	return found
}
