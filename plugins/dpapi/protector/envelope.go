package protector

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A sealed value is
//
//	byte 0     version of this form, 1
//	bytes 1-4  CRC-32C of the rest, big endian
//	rest       what the cipher made of: byte 0 = 1, then the plaintext
//
// The checksum covers ciphertext only. It is no protection, that is the cipher's
// work: it tells a damaged value (restore it) from one that another key or ref
// sealed (set it again). The byte inside keeps the plaintext from being empty,
// which DPAPI refuses.
const (
	form       = 1
	headerSize = 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func enclose(ciphertext []byte) []byte {
	out := make([]byte, 0, headerSize+len(ciphertext))
	out = append(out, form)
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(ciphertext, castagnoli))
	return append(out, ciphertext...)
}

func disclose(sealed []byte) ([]byte, error) {
	switch {
	case len(sealed) <= headerSize:
		return nil, fmt.Errorf("%w: it has only %d bytes", ErrCorrupt, len(sealed))
	case sealed[0] != form:
		return nil, fmt.Errorf("%w: it has the unknown form %d", ErrCorrupt, sealed[0])
	case binary.BigEndian.Uint32(sealed[1:headerSize]) != crc32.Checksum(sealed[headerSize:], castagnoli):
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrCorrupt)
	}
	return sealed[headerSize:], nil
}

func wrap(plaintext []byte) []byte {
	out := make([]byte, 0, 1+len(plaintext))
	return append(append(out, form), plaintext...)
}

func unwrap(wrapped []byte) ([]byte, error) {
	if len(wrapped) == 0 || wrapped[0] != form {
		clear(wrapped)
		return nil, fmt.Errorf("%w: its content has an unknown form", ErrCorrupt)
	}
	return wrapped[1:], nil
}
