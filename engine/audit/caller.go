package audit

import (
	"os"
	"os/user"
)

// Caller returns who runs this program, as the Actor of an [Entry], and on which
// host, as its Address: for tools, whose rights are the operating system's.
func Caller() (actor, address string) {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	actor = "user " + name
	if by := os.Getenv("SUDO_USER"); by != "" {
		actor += ", through sudo by " + by
	}
	address, _ = os.Hostname() // empty says that it is not known
	return actor, address
}
