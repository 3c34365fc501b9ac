// Package keycommand is what passes between a host and a plugin's binary that it
// runs as the command "key": the verbs, and the events of which each is one line
// of JSON on standard output.
//
// The command line is: the binary, [Name], a verb. Standard input begins with the
// plugin's configuration, a JSON object, and its end asks the command to stop. Any
// number of progress events is followed by one event with a result or an error.
package keycommand

import (
	"encoding/json"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/status"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// Name of the command.
const Name = "key"

// The verbs.
const (
	Status = "status"
	Rotate = "rotate"
	Retire = "retire"
)

// MaxLine is the longest event: a result with as many failures as are named, each
// with a ref and a text.
const MaxLine = 1 << 20

// Event is one line. One of its fields is set.
type Event struct {
	Progress *provider.KeyProgress `json:"progress,omitempty"`
	// Result is what the verb reports.
	Result json.RawMessage `json:"result,omitempty"`
	// Failure is a google.rpc.Status as package wire makes it.
	Failure []byte `json:"failure,omitempty"`
}

// Failed returns the event that tells err.
func Failed(err error) Event {
	failure, marshalErr := proto.Marshal(wire.ToStatus(err).Proto())
	if marshalErr != nil { // texts were made valid before
		failure = nil
	}
	return Event{Failure: failure}
}

// Err returns the error that the event tells, or nil.
func (e Event) Err() error {
	if e.Failure == nil {
		return nil
	}
	var s status.Status
	if err := proto.Unmarshal(e.Failure, &s); err != nil {
		return fault.Wrap(fault.Internal, fault.SourcePlugin, "read the plugin's error", err)
	}
	return wire.FromError(grpcstatus.ErrorProto(&s))
}

// Parse reads a line.
func Parse(line []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return Event{}, errors.New("it wrote a line that is no event")
	}
	return e, nil
}
