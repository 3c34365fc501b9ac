package conformance

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// set stores a value and expects that to work.
func (p *plugin) set(ctx context.Context, ref string, value []byte) (*pb.Metadata, error) {
	got, err := p.Set(ctx, &pb.SetRequest{Ref: ref, Value: value})
	if err != nil {
		return nil, outcome(fmt.Sprintf("Set of %d bytes", len(value)), err)
	}
	return got.GetMetadata(), nil
}

// setAt is set with an expected version.
func (p *plugin) setAt(ctx context.Context, ref string, value []byte, expected string) (*pb.Metadata, error) {
	got, err := p.Set(ctx, &pb.SetRequest{Ref: ref, Value: value, ExpectedVersion: &expected})
	return got.GetMetadata(), err
}

// get reads a value, at a version or the newest, and expects that to work.
func (p *plugin) get(ctx context.Context, ref, version string) ([]byte, *pb.Metadata, error) {
	got, err := p.Get(ctx, &pb.GetRequest{Ref: ref, Version: version})
	if err != nil {
		return nil, nil, outcome("Get", err)
	}
	return got.GetValue(), got.GetMetadata(), nil
}

// holds expects the newest value of ref to be want.
func (p *plugin) holds(ctx context.Context, ref string, want []byte) error {
	got, _, err := p.get(ctx, ref, "")
	if err != nil {
		return err
	}
	if d := differ(got, want); d != "" {
		return fmt.Errorf("Get: %s", d)
	}
	return nil
}

// describe reads metadata and expects that to work.
func (p *plugin) describe(ctx context.Context, ref string) (*pb.Metadata, error) {
	got, err := p.Describe(ctx, &pb.DescribeRequest{Ref: ref})
	if err != nil {
		return nil, outcome("Describe", err)
	}
	return got.GetMetadata(), nil
}

// delete removes a secret and expects that to work.
func (p *plugin) delete(ctx context.Context, ref string) error {
	if _, err := p.Delete(ctx, &pb.DeleteRequest{Ref: ref}); err != nil {
		return outcome("Delete", err)
	}
	return nil
}

// want expects a call to have failed with one of reasons.
func want(call string, err error, reasons ...fault.Reason) error {
	var names []string
	for _, r := range reasons {
		names = append(names, r.String())
	}
	expected := strings.Join(names, " or ")
	if err == nil {
		return fmt.Errorf("%s succeeded, expected %s", call, expected)
	}
	if !isOne(err, reasons...) {
		return fmt.Errorf("%s: expected %s, got %s", call, expected, told(err))
	}
	return nil
}

// wantFrom is want for one reason with its source.
func wantFrom(call string, err error, reason fault.Reason, source fault.Source) error {
	if wrong := want(call, err, reason); wrong != nil {
		return wrong
	}
	if f := wire.FromError(err); f.Source != source {
		return fmt.Errorf("%s: expected %s of source %s, got source %s (%s)", call, reason, source, f.Source, f.Message)
	}
	return nil
}

// told says how a call ended.
func told(err error) string {
	if err == nil {
		return "success"
	}
	return wire.FromError(err).Error()
}

// differ says how got is not want, and quotes neither; it is empty when they are
// equal.
func differ(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Sprintf("expected the %d bytes that were set, got %d bytes; they differ from byte %d on", len(want), len(got), at)
}
