package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// SiteID names a site, one customer's installation: 16 random bytes.
type SiteID [16]byte

// JournalID names one journal of one reader: 16 random bytes.
type JournalID [16]byte

// CommandID names one command, which is carried out at most once: 16 random
// bytes.
type CommandID [16]byte

// Nonce is a reader's challenge: 16 random bytes.
type Nonce [16]byte

// Tag identifies a credential: the first 16 bytes of
// HMAC-SHA-256(PIN key or card key, kind byte ‖ material).
type Tag [16]byte

// Hash is a SHA-256.
type Hash [sha256.Size]byte

func (id SiteID) String() string    { return hex.EncodeToString(id[:]) }
func (id JournalID) String() string { return hex.EncodeToString(id[:]) }
func (id CommandID) String() string { return hex.EncodeToString(id[:]) }
func (h Hash) String() string       { return hex.EncodeToString(h[:]) }

// Sum returns the SHA-256 of b.
func Sum(b []byte) Hash { return sha256.Sum256(b) }

// CheckName checks a name that may be part of a topic, as of a site, a reader or a
// group: [a-z0-9][a-z0-9-]{0,31}.
func CheckName(name string) error {
	ok := len(name) >= 1 && len(name) <= 32 && name[0] != '-'
	for _, c := range name {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return wrong("%s cannot be a name: use 1 to 32 lower-case letters, digits and hyphens, not a hyphen first", quoted(name, 40))
	}
	return nil
}

// Fingerprint returns a hash for two people to compare: the first 16 bytes of
// the SHA-256 of b, as eight groups of four hexadecimal digits.
func Fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = strings.ToUpper(hex.EncodeToString(sum[2*i : 2*i+2]))
	}
	return strings.Join(groups, " ")
}
