package audit

import (
	"bufio"
	"cmp"
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
	// of has the heads of each chain in the order of their numbers, each number once.
	of map[string][]keptHead
	// Unreadable is how many lines are no heads, as a crash in the middle of one
	// leaves them. They say no less than if they were missing.
	Unreadable int
}

// keptHead is a head without what its place says, because a file grows by one each
// day for every chain.
type keptHead struct {
	seq  int64
	at   int64 // microseconds, as in the form
	hash [sha256.Size]byte
}

func (h keptHead) hex() string { return hex.EncodeToString(h.hash[:]) }

func (h keptHead) time() string { return time.UnixMicro(h.at).UTC().Format(timeForPeople) }

// ReadHeads reads heads as they were written, one a line, in any order. The error
// names the first line that was not written with the key.
func ReadHeads(r io.Reader, key []byte) (*Heads, error) {
	heads := &Heads{of: map[string][]keptHead{}}
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
		one := keptHead{seq: h.Seq, at: h.Time.UnixMicro()}
		if size, err := hex.Decode(one.hash[:], []byte(h.Hash)); err != nil || size != len(one.hash) {
			return nil, fmt.Errorf("line %d of the heads has no SHA-256", n)
		}
		of := heads.of[h.Chain]
		if last := len(of) - 1; last >= 0 && of[last].seq == one.seq && of[last].hash == one.hash {
			continue // of a chain that did not grow
		}
		heads.of[h.Chain] = append(of, one)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the heads: %w", err)
	}
	if len(heads.of) == 0 {
		return nil, errors.New("there are no heads in the file")
	}
	for _, chain := range heads.chains() {
		if err := heads.order(chain); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// order brings the heads of a chain into order. Two that differ are a [*BrokenError].
func (h *Heads) order(chain string) error {
	of := h.of[chain]
	slices.SortFunc(of, func(a, b keptHead) int { return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.at, b.at)) })
	for n := 1; n < len(of); n++ {
		if a, b := of[n-1], of[n]; a.seq == b.seq && a.hash != b.hash {
			return &BrokenError{chain, a.seq, fmt.Sprintf("the heads that were written elsewhere at %s and at %s have different hashes of it", a.time(), b.time())}
		}
	}
	h.of[chain] = slices.CompactFunc(of, func(a, b keptHead) bool { return a.seq == b.seq })
	return nil
}

// Count is how many heads there are.
func (h *Heads) Count() (n int) {
	if h == nil {
		return 0
	}
	for _, of := range h.of {
		n += len(of)
	}
	return n
}

// chains are the chains that there are heads of.
func (h *Heads) chains() []string {
	if h == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(h.of))
}

// from returns the first head of a chain from a record on.
func (h *Heads) from(chain string, seq int64) (keptHead, bool) {
	if h == nil {
		return keptHead{}, false
	}
	of := h.of[chain]
	n, _ := slices.BinarySearchFunc(of, seq, func(one keptHead, seq int64) int { return cmp.Compare(one.seq, seq) })
	if n == len(of) {
		return keptHead{}, false
	}
	return of[n], true
}

// last is the newest head of a chain.
func (h *Heads) last(chain string) (keptHead, bool) {
	if h == nil || len(h.of[chain]) == 0 {
		return keptHead{}, false
	}
	of := h.of[chain]
	return of[len(of)-1], true
}
