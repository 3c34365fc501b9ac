// Package handshake is what both sides of a plugin's start agree on: the variables
// that the host sets, the line that the plugin writes, and the key and
// certificate by which they know each other for that one start. It is the
// handshake of go-plugin, version 1 of its core protocol, as
// docs/spec/process.md has it.
//
// Whether to believe a line is package launch's concern. Start reading at [Line]
// and [NewPair].
package handshake

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// CoreProtocol of go-plugin, the first field of a line.
	CoreProtocol = 1
	// GRPC is the only protocol of the fifth.
	GRPC = "grpc"

	// EnvMajors holds the majors of the contract that the host speaks, with commas
	// between them.
	EnvMajors = "PLUGIN_PROTOCOL_VERSIONS"
	// EnvCertificate holds the host's certificate as PEM.
	EnvCertificate = "PLUGIN_CLIENT_CERT"
	// EnvFolder holds the folder of the plugin's socket, where sockets are files.
	EnvFolder = "PLUGIN_UNIX_SOCKET_DIR"
	// EnvMinPort and EnvMaxPort hold the ports to choose from elsewhere.
	EnvMinPort = "PLUGIN_MIN_PORT"
	EnvMaxPort = "PLUGIN_MAX_PORT"
	// MinPort and MaxPort are what a host writes there.
	MinPort = 10000
	MaxPort = 25000
)

// Line is what a plugin writes to stdout when it listens.
type Line struct {
	// Core protocol, and Major of the contract.
	Core, Major int
	// Network is unix or tcp.
	Network, Address string
	Protocol         string
	// Certificate is the plugin's, as [Pair.Text] has it; empty when there is none.
	Certificate string
}

// String returns the line without its line feed.
func (l Line) String() string {
	return fmt.Sprintf("%d|%d|%s|%s|%s|%s", l.Core, l.Major, l.Network, l.Address, l.Protocol, l.Certificate)
}

// ErrNoLine is a text that is no handshake line.
var ErrNoLine = errors.New("not a handshake line")

// Parse takes a line apart and judges none of its fields. Fields after the sixth
// have no meaning.
func Parse(text string) (Line, error) {
	fields := strings.Split(strings.TrimSpace(text), "|")
	if len(fields) < 4 {
		return Line{}, ErrNoLine
	}
	core, err := strconv.Atoi(fields[0])
	if err != nil {
		return Line{}, ErrNoLine
	}
	major, err := strconv.Atoi(fields[1])
	if err != nil {
		return Line{}, ErrNoLine
	}
	fields = append(fields, "", "")
	return Line{Core: core, Major: major, Network: fields[2], Address: fields[3], Protocol: fields[4], Certificate: fields[5]}, nil
}
