package ldap

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// guidText returns a GUID as Microsoft's tools print it, in lower case: of the
// 16 bytes the first three groups are little-endian ([MS-DTYP] 2.3.4.2).
func guidText(raw string) (string, bool) {
	if len(raw) != 16 {
		return "", false
	}
	b := []byte{
		raw[3], raw[2], raw[1], raw[0], raw[5], raw[4], raw[7], raw[6],
		raw[8], raw[9], raw[10], raw[11], raw[12], raw[13], raw[14], raw[15],
	}
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:]), true
}

// sidText returns a security identifier in its S-1-… form ([MS-DTYP] 2.4.2).
func sidText(raw string) (string, bool) {
	const maxSubAuthorities = 15
	if len(raw) < 8 || raw[0] != 1 || raw[1] > maxSubAuthorities || len(raw) != 8+4*int(raw[1]) {
		return "", false
	}
	b := []byte(raw)
	authority := uint64(binary.BigEndian.Uint16(b[2:4]))<<32 | uint64(binary.BigEndian.Uint32(b[4:8]))
	out := make([]byte, 0, 64)
	out = append(out, "S-1-"...)
	if authority >= 1<<32 {
		out = append(out, "0x"...)
		out = append(out, hex.EncodeToString(b[2:8])...)
	} else {
		out = strconv.AppendUint(out, authority, 10)
	}
	for rest := b[8:]; len(rest) > 0; rest = rest[4:] {
		out = append(out, '-')
		out = strconv.AppendUint(out, uint64(binary.LittleEndian.Uint32(rest)), 10)
	}
	return string(out), true
}

// isText tells values that can stand in an object as they are. A NUL never
// occurs in text of a directory, but often in small binary values that happen to
// be valid UTF-8.
func isText(v string) bool {
	return utf8.ValidString(v) && strings.IndexByte(v, 0) < 0
}

func base64Text(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }

const timeLayout = "20060102150405Z"

// parseTime reads a GeneralizedTime (RFC 4517, 3.3.13).
func parseTime(v string) (time.Time, bool) {
	if len(v) == len(timeLayout) {
		if t, err := time.Parse(timeLayout, v); err == nil {
			return t, true
		}
	}
	t, err := ber.ParseGeneralizedTime([]byte(v))
	// A time before the year 1 or after 9999 cannot be written again.
	if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// formatTime writes t as a GeneralizedTime of whole seconds, rounded down.
func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }
