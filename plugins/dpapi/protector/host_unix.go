//go:build unix

package protector

import (
	"context"
	"slices"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
)

// hostKeys are those of the key file.
type hostKeys struct {
	folder   keyfile.Folder
	hostName string
}

func newHostKeys(cfg Config) hostKeys { return hostKeys{folder: cfg.Keys, hostName: cfg.HostName} }

func (h hostKeys) open(ctx context.Context) (*Protector, error) {
	keys, err := h.folder.Open(ctx)
	if err != nil {
		return nil, err
	}
	return h.protector(keys)
}

func (h hostKeys) use(ctx context.Context, known *Protector) (*Protector, func(), error) {
	was := known.cipher.(fileCipher).keys
	keys, done, err := h.folder.Use(ctx, was)
	if err != nil {
		return nil, nil, err
	}
	if keys == was {
		return known, done, nil
	}
	p, err := h.protector(keys)
	if err != nil {
		done()
		return nil, nil, err
	}
	return p, done, nil
}

// fileCipher remembers which keys it is made of.
type fileCipher struct {
	keyfile.Cipher
	keys *keyfile.Keys
}

func (h hostKeys) protector(keys *keyfile.Keys) (*Protector, error) {
	sealer, err := keys.Cipher()
	if err != nil {
		return nil, err
	}
	ids := keys.IDs()
	return &Protector{
		identity: Identity{Kind: HostKey, KeyID: keys.Primary(), HostID: keys.HostID, HostName: h.hostName},
		cipher:   fileCipher{sealer, keys},
		knows:    func(keyID string) bool { return slices.Contains(ids, keyID) },
	}, nil
}
