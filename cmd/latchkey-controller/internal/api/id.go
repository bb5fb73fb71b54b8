package api

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A kind says what an id names. The numbers are part of ids: they stay as they are.
type kind byte

const (
	kindLocation   kind = 1
	kindHub        kind = 2
	kindDoor       kind = 3
	kindUser       kind = 4
	kindCredential kind = 5
	kindGroup      kind = 6
	kindSchedule   kind = 7
	kindHolidays   kind = 8
	kindToken      kind = 9
	kindWebhook    kind = 10
	kindEvent      kind = 11
)

// ids make the ids that programs see: UUIDs of version 8 (RFC 9562, section 5.8) that hold
// what they name, so that an id outlives renames, moves and restores, and one of another
// site names nothing here. They are opaque to programs, and no secret.
//
//	octet  0..5   of the site
//	       6      version, kind
//	       7      of the site
//	       8..15  variant, number (62 bits)
type ids struct{ site [7]byte }

func idsOf(site wire.SiteID) (s ids) {
	sum := sha256.Sum256(append([]byte("latchkey api ids\n"), site[:]...))
	copy(s.site[:], sum[:])
	return s
}

// bytes returns an id of a kind, whose number is from 1 to 2^62-1.
func (s ids) bytes(k kind, number int64) (b [16]byte) {
	binary.BigEndian.PutUint64(b[8:], 1<<63|uint64(number)&(1<<62-1))
	copy(b[:6], s.site[:6])
	b[6], b[7] = 0x80|byte(k), s.site[6]
	return b
}

// of returns the id of a kind as text.
func (s ids) of(k kind, number int64) string {
	b := s.bytes(k, number)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// parse returns the number of an id of a kind, or desk.ErrNotFound.
func (s ids) parse(k kind, text string) (number int64, err error) {
	if len(text) != 36 {
		return 0, desk.ErrNotFound
	}
	b, err := hex.DecodeString(text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:])
	if err != nil {
		return 0, desk.ErrNotFound
	}
	number = int64(binary.BigEndian.Uint64(b[8:]) & (1<<62 - 1))
	if number == 0 || s.of(k, number) != text {
		return 0, desk.ErrNotFound
	}
	return number, nil
}

// token returns the token of a credential, by which programs name cards: its id and a checksum,
// 64 hexadecimal digits. It tells nothing of the card.
func (s ids) token(credential uint64) string {
	id := s.bytes(kindCredential, int64(credential))
	sum := sha256.Sum256(append([]byte("latchkey card token\n"), id[:]...))
	return hex.EncodeToString(append(id[:], sum[:16]...))
}

// parseToken returns the credential of a token, or desk.ErrNotFound.
func (s ids) parseToken(text string) (credential uint64, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 {
		return 0, desk.ErrNotFound
	}
	credential = binary.BigEndian.Uint64(b[8:16]) & (1<<62 - 1)
	if credential == 0 || s.token(credential) != text {
		return 0, desk.ErrNotFound
	}
	return credential, nil
}
