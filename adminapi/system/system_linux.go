package system

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// Name returns the name of the distribution, as in "Debian GNU/Linux 13 (trixie)",
// from the file that os-release(5) describes.
func Name() string {
	for _, file := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if name := prettyName(file); name != "" {
			return name
		}
	}
	return "Linux"
}

func prettyName(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
			if plain, err := strconv.Unquote(text); err == nil {
				return plain
			}
			return strings.Trim(text, `'"`)
		}
	}
	return ""
}
