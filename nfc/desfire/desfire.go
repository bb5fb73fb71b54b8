// Package desfire proves that a card is the one that it claims to be, and gives cards the keys
// for that: MIFARE DESFire EV1, EV2 and EV3, and NTAG 424 DNA. It makes APDUs and checks the
// answers; the radio belongs to whoever implements [Card].
//
// A card has AES keys that no other card has. It proves itself with key 1 of one application:
// an authentication in which both sides answer the other's random number, and the card's own UID
// under the session's keys. Everything else that a card says of itself is a claim. There is no
// fallback from one protocol to a weaker one.
//
// Sources: NXP NT4H2421Gx (NTAG 424 DNA data sheet, rev 3.0), AN12196 and AN12343 (examples of
// the EV2 secure messaging), NIST SP 800-38B (CMAC). The EV1 secure messaging has no public data
// sheet; it is as libfreefare and recordings of real cards show it. Numbers are hexadecimal where
// they are the card's.
package desfire

import (
	"context"
	"errors"
)

// Card is a card in the field that speaks ISO 14443-4. *nfc.Card is one.
type Card interface {
	// Select selects this very card anew, which ends whatever was going on.
	Select(ctx context.Context) error
	// Transceive sends one APDU and returns the answer, status bytes included.
	Transceive(ctx context.Context, apdu []byte) (reply []byte, err error)
}

// Chip is a kind of card that can prove itself. It decides which protocol is spoken.
type Chip uint8

// The chips, numbered as wire.CardChip is.
const (
	EV2     Chip = 1 // MIFARE DESFire EV2 and EV3: AuthenticateEV2First
	NTAG424 Chip = 2 // NTAG 424 DNA: the same, in the application that it comes with
	EV1     Chip = 3 // MIFARE DESFire EV1: AuthenticateAES
)

// Key is an AES-128 key.
type Key [16]byte

// KeySet is all keys of a card of one generation, 1 to 255, which is also the keys' version on
// the card: of a DESFire the PICC master key and the keys 0 and 1 of the site's application, in
// that order; of an NTAG 424 DNA the keys 0 to 4. Generation 0 is the factory's state and has no
// keys here.
type KeySet struct {
	Generation byte
	Keys       []Key
}

// The errors that a caller decides on. Others are of Card or of the random numbers.
var (
	// ErrNotGenuine: the card answered, and not as the card with this key does, or it stayed
	// silent although it was there.
	ErrNotGenuine = errors.New("card is not genuine")
	// ErrForeignKeys: the card has a key that is in none of the sets given.
	ErrForeignKeys = errors.New("card has keys of somebody else")
	// ErrUnsuitable: the card cannot be given keys.
	ErrUnsuitable = errors.New("card is unsuitable")
	// ErrDelayed: the card takes no keys yet, after too many wrong ones. Each try shortens that.
	ErrDelayed = errors.New("card delays after too many wrong keys")
)
