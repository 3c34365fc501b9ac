package audit

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// WrittenHead is the end of a chain as it was written elsewhere, where whoever can
// change the database cannot change it.
type WrittenHead struct {
	Chain string    `json:"chain"`
	Seq   int64     `json:"seq"`
	Hash  string    `json:"hash"`
	Time  time.Time `json:"time"`
	// MAC is HMAC-SHA-256 of the rest, in hexadecimal digits.
	MAC string `json:"mac"`
}

// headForm sets what is authenticated apart from what is hashed; see [form].
const headForm = 4

func (h WrittenHead) sum(key []byte) string {
	f := form{headForm}
	f.text("IdentityMesh audit head")
	f.text(h.Chain)
	f.number(h.Seq)
	f.text(h.Hash)
	f.number(h.Time.UnixMicro())
	mac := hmac.New(sha256.New, key)
	mac.Write(f)
	return hex.EncodeToString(mac.Sum(nil))
}

// MinHeadKey is how many bytes a key for heads has at least.
const MinHeadKey = 32

// ReadHeadKey reads the key for heads: the bytes of a file that nobody else may open,
// without the blanks and line ends around them.
func ReadHeadKey(path string) ([]byte, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("read the key for the heads of the audit log: %w", err)
	}
	key := trim(text)
	if len(key) < MinHeadKey {
		return nil, fmt.Errorf("the key for the heads of the audit log in %s has fewer than %d bytes; make one with: openssl rand -hex 32", path, MinHeadKey)
	}
	return key, nil
}

func trim(text []byte) []byte {
	const blank = " \t\r\n"
	for len(text) > 0 && slices.Contains([]byte(blank), text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && slices.Contains([]byte(blank), text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

// Heads are heads that were written elsewhere, to check chains against.
type Heads struct {
	of map[string]map[int64]WrittenHead
	// Unreadable is how many lines are no heads, as a crash in the middle of one
	// leaves them. They say no less than if they were missing.
	Unreadable int
}

// ReadHeads reads heads as they were written, one a line, in any order. The error
// names the first line that was not written with the key.
func ReadHeads(r io.Reader, key []byte) (*Heads, error) {
	heads := &Heads{of: map[string]map[int64]WrittenHead{}}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if len(trim(lines.Bytes())) == 0 {
			continue
		}
		var h WrittenHead
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			heads.Unreadable++
			continue
		}
		if !hmac.Equal([]byte(h.sum(key)), []byte(h.MAC)) {
			return nil, fmt.Errorf("line %d of the heads was not written with this key, or was changed", n)
		}
		of := heads.of[h.Chain]
		if of == nil {
			of = map[int64]WrittenHead{}
			heads.of[h.Chain] = of
		}
		if other, twice := of[h.Seq]; twice && other.Hash != h.Hash {
			return nil, &BrokenError{h.Chain, h.Seq, fmt.Sprintf("the heads that were written elsewhere at %s and at %s have different hashes of it",
				other.Time.Format(timeForPeople), h.Time.Format(timeForPeople))}
		}
		of[h.Seq] = h
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the heads: %w", err)
	}
	if len(heads.of) == 0 {
		return nil, errors.New("there are no heads in the file")
	}
	return heads, nil
}

// chains are the chains that there are heads of.
func (h *Heads) chains() []string {
	if h == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(h.of))
}

func (h *Heads) at(chain string, seq int64) (WrittenHead, bool) {
	if h == nil {
		return WrittenHead{}, false
	}
	found, ok := h.of[chain][seq]
	return found, ok
}

// last is the newest head of a chain.
func (h *Heads) last(chain string) (newest WrittenHead, ok bool) {
	if h == nil {
		return newest, false
	}
	for _, one := range h.of[chain] {
		if !ok || one.Seq > newest.Seq {
			newest, ok = one, true
		}
	}
	return newest, ok
}
