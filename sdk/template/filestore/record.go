package filestore

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/naming"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/wholefile"
)

// A file of a version is one line of JSON, then the bytes of the value as they
// are. One file has one moment at which it comes into being; two would have one
// between them.
type head struct {
	Ref     secret.Ref        `json:"ref"`
	Created time.Time         `json:"created"`
	Updated time.Time         `json:"updated"`
	Expires time.Time         `json:"expires,omitzero"`
	Tags    map[string]string `json:"tags,omitempty"`
	// SHA256 of the value finds what a disk or an editor made of it.
	SHA256 string `json:"sha256"`
}

// maxHead is more than the limits of ref and tags can add up to, escaped.
const maxHead = 1 << 20

// record is one version of a secret. value is nil unless it was asked for.
type record struct {
	version string
	head    head
	value   []byte
}

func (r record) metadata() secret.Metadata {
	return secret.Metadata{
		Ref: r.head.Ref, Name: naming.Name(string(r.head.Ref)), Version: secret.Version(r.version),
		Created: r.head.Created, Updated: r.head.Updated, Expires: r.head.Expires, Tags: r.head.Tags,
	}
}

func digest(value []byte) string {
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:])
}

// readRecord reads one version; its errors are those of the system, or faults.
func readRecord(folder, version string, withValue bool) (record, error) {
	f, err := wholefile.Open(filepath.Join(folder, version))
	if err != nil {
		return record{}, err
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReader(io.LimitReader(f, maxHead+secret.MaxValueBytes+1))
	line, err := in.ReadBytes('\n')
	r := record{version: version}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return record{}, err
	case err != nil || len(line) > maxHead || json.Unmarshal(line, &r.head) != nil:
		return record{}, corrupt(f.Name(), "it does not begin with a line of JSON")
	case !withValue:
		return r, nil
	}
	if r.value, err = io.ReadAll(in); err != nil {
		return record{}, err
	}
	switch {
	case len(r.value) > secret.MaxValueBytes:
		return record{}, fault.New(fault.TooLarge, fault.SourceBackend,
			fmt.Sprintf("%s holds a value of more than %d bytes", f.Name(), secret.MaxValueBytes))
	case digest(r.value) != r.head.SHA256:
		return record{}, corrupt(f.Name(), "the value is not the one that was written")
	}
	return r, nil
}

func corrupt(path, what string) error {
	return fault.New(fault.Corrupt, fault.SourceBackend, path+": "+what)
}
