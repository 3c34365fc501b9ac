package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Checkpoint says that the records of a chain up to one were removed for their age,
// and that they were as they had been written when they were.
type Checkpoint struct {
	Chain string `json:"chain"`
	// Seq and Hash are those of the last record that was removed. Seq is also how many
	// were, because they count from 1.
	Seq  int64     `json:"seq"`
	Hash string    `json:"hash"`
	Time time.Time `json:"time"`
	// Signer is the public key in hexadecimal digits, Signature that of Ed25519.
	Signer    string `json:"signer"`
	Signature string `json:"signature"`
}

// checkpointForm sets what is signed apart from what is hashed; see [form].
const checkpointForm = 3

func (c Checkpoint) form() []byte {
	f := form{checkpointForm}
	f.text("IdentityMesh audit checkpoint")
	f.text(c.Chain)
	f.number(c.Seq)
	f.text(c.Hash)
	f.number(c.Time.UnixMicro())
	return f
}

// signed reports whether the signature is that of Signer.
func (c Checkpoint) signed() bool {
	key, err := hex.DecodeString(c.Signer)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false
	}
	signature, err := hex.DecodeString(c.Signature)
	return err == nil && ed25519.Verify(key, c.form(), signature)
}

// Checkpoint returns the newest checkpoint of a chain, nil when nothing was removed.
// It is not verified.
func (l *Log) Checkpoint(ctx context.Context, chain string) (*Checkpoint, error) {
	c := &Checkpoint{Chain: chain}
	var at productdb.Time
	found, err := l.oneRow(ctx, l.db.Read, "SELECT seq, hash, at, signer, signature FROM IM_AuditCheckpoints WHERE chain = @p1 ORDER BY seq DESC"+
		l.db.Dialect.Limit("1"), []any{chain}, []any{&c.Seq, &c.Hash, &at, &c.Signer, &c.Signature})
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint of the audit chain %s in %s: %w", chain, l.db.Target, err)
	}
	if !found {
		return nil, nil
	}
	c.Time = at.Time
	return c, nil
}
