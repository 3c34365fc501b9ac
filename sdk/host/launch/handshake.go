package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	"github.com/identitymesh/identitymesh/sdk/internal/handshake"
)

const (
	// maxHandshake is far above a handshake line, which is less than 2 KiB long.
	maxHandshake = 64 << 10
	// maxShown is how much of a wrong one is shown.
	maxShown = 200
)

// firstLine of a process's stdout, or why there is none.
type firstLine struct {
	text string
	err  error
}

// handshakeLine waits for the process's first line and returns it if it can be
// believed.
func (p *process) handshakeLine(ctx context.Context, majors []int, first <-chan firstLine) (string, error) {
	var got firstLine
	select {
	case got = <-first:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if got.err != nil {
		wait(p.ended, 2*PipeGrace) // it may have ended, and says why in a moment
		return "", got.err
	}
	return got.text, judge(got.text, majors, p.place)
}

// readStdout hands over the first line and reads on to the end, because a plugin
// that writes more must not block.
func readStdout(stdout io.Reader, first chan<- firstLine, logger *slog.Logger) {
	in := bufio.NewReaderSize(stdout, maxHandshake)
	line, err := in.ReadSlice('\n')
	switch text := string(line); {
	case errors.Is(err, bufio.ErrBufferFull):
		first <- firstLine{err: noPlugin(text)}
	case err != nil && text != "":
		first <- firstLine{err: fmt.Errorf("it ended within its handshake line, which began with %s", shown(text))}
	case err != nil:
		first <- firstLine{err: errors.New("it ended before it wrote a handshake line")}
	default:
		first <- firstLine{text: text}
		_, wrong := handshake.Parse(text) // then the start fails and says so
		if _, err := in.Peek(1); err == nil && wrong == nil {
			logger.Warn("plugin writes to stdout after its handshake line; that is not read, its log is stderr")
		}
	}
	_, _ = io.Copy(io.Discard, in)
}

// permanent is what no further try can mend, because the same file would do the
// same again.
type permanent struct{ error }

func (p *permanent) Unwrap() error { return p.error }

func noPlugin(line string) error {
	return &permanent{fmt.Errorf("it is no plugin, or writes something else to stdout first: in the place of a handshake line came %s", shown(line))}
}

// judge believes a handshake line only when every field is as it must be, above
// all the address, which decides whom the host talks to.
func judge(text string, majors []int, place string) error {
	line, err := handshake.Parse(text)
	if err != nil {
		return noPlugin(text)
	}
	switch {
	case line.Core != handshake.CoreProtocol:
		err = fmt.Errorf("it speaks version %d of go-plugin's core protocol and this host version %d: a build of it for this host is needed",
			line.Core, handshake.CoreProtocol)
	case !slices.Contains(majors, line.Major):
		err = fmt.Errorf("it speaks major %d of the contract and this host %s: install a version of it, or of this product, that has one in common",
			line.Major, strings.Trim(fmt.Sprint(majors), "[]"))
	case line.Protocol != handshake.GRPC:
		err = fmt.Errorf("it speaks %s instead of gRPC", shown(line.Protocol))
	case line.Certificate == "":
		err = errors.New("its handshake line has no certificate, so nobody could tell whom the host talks to")
	default:
		if err = checkAddress(line.Network, line.Address, place); err != nil {
			err = fmt.Errorf("it listens at %s %s: %w (docs/spec/process.md, socket-is-in-the-folder-of-the-host)",
				shown(line.Network), shown(line.Address), err)
		}
	}
	if err != nil {
		return &permanent{err}
	}
	return nil
}

// shown quotes the beginning of what a process said.
func shown(text string) string { return strconv.Quote(wire.Cut(text, maxShown)) }
