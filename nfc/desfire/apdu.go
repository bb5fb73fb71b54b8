package desfire

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
)

// The commands, as instruction bytes (NT4H2421Gx section 10; libfreefare mifare_desfire.c).
const (
	getVersion           = 0x60
	selectApplication    = 0x5A
	createApplication    = 0xCA
	deleteApplication    = 0xDA
	authenticateISO      = 0x1A // with a DES key
	authenticateAES      = 0xAA
	authenticateEV2First = 0x71
	additionalFrame      = 0xAF
	changeKey            = 0xC4
	getCardUID           = 0x51
	getKeyVersion        = 0x64
)

// status is the second status byte, after 91. A status that is not the one due is an error,
// and ends the session on the card.
type status byte

const (
	operationOK         status = 0x00
	outOfMemory         status = 0x0E
	noSuchKey           status = 0x40
	permissionDenied    status = 0x9D
	applicationNotFound status = 0xA0
	authenticationDelay status = 0xAD
	authenticationError status = 0xAE
	moreFrames          status = 0xAF
	countError          status = 0xCE
)

func (s status) Error() string {
	meaning := "refused"
	switch s {
	case operationOK:
		meaning = "done too early"
	case outOfMemory:
		meaning = "out of memory"
	case noSuchKey:
		meaning = "no such key"
	case permissionDenied:
		meaning = "permission denied"
	case applicationNotFound:
		meaning = "application not found"
	case authenticationDelay:
		meaning = "delayed after too many wrong keys"
	case authenticationError:
		meaning = "authentication error"
	case moreFrames:
		meaning = "unexpected further frame"
	case countError:
		meaning = "too many applications"
	}
	return fmt.Sprintf("card answers %02X, %s", byte(s), meaning)
}

// Is makes each wrong status an ErrNotGenuine.
func (s status) Is(target error) bool { return target == ErrNotGenuine }

// radioError is an error of Card.Transceive. Whether the card did the command is unknown.
type radioError struct{ error }

func (e radioError) Unwrap() error { return e.error }

// aid is the site's application on a DESFire, as it is sent; picc is the level above all
// applications, where the card's master key is.
var (
	aid  = [3]byte{0xF4, 0x4C, 0x4B}
	picc = [3]byte{}
)

// ntagName is the name of the only application of an NTAG 424 DNA (AN12196 table 11).
const ntagName = "\xD2\x76\x00\x00\x85\x01\x01"

// maxData is the most data that any answer to a command here has: 14 or 15 bytes of version, 32
// of an authentication.
const maxData = 32

// exchange sends a command in the form of ISO 7816-4 (90 instruction 00 00 length data 00), and
// returns the data of its answer, which must have the status due.
func exchange(ctx context.Context, card Card, due status, instruction byte, data ...[]byte) ([]byte, error) {
	apdu := []byte{0x90, instruction, 0, 0}
	if body := slices.Concat(data...); len(body) > 0 {
		apdu = append(append(apdu, byte(len(body))), body...)
	}
	reply, err := card.Transceive(ctx, append(apdu, 0))
	if err != nil {
		return nil, radioError{err}
	}
	n := len(reply) - 2
	switch {
	case n < 0 || n > maxData:
		return nil, fmt.Errorf("%w: answer of %d bytes", ErrNotGenuine, len(reply))
	case reply[n] != 0x91:
		return nil, fmt.Errorf("%w: status %s", ErrNotGenuine, hex.EncodeToString(reply[n:]))
	case status(reply[n+1]) != due:
		return nil, status(reply[n+1])
	}
	return reply[:n], nil
}

// exchangeOnly is exchange for an answer that is its status and nothing else.
func exchangeOnly(ctx context.Context, card Card, instruction byte, data ...[]byte) error {
	reply, err := exchange(ctx, card, operationOK, instruction, data...)
	if err == nil && len(reply) > 0 {
		err = fmt.Errorf("%w: answer has %d bytes of data where none are due", ErrNotGenuine, len(reply))
	}
	return err
}

// enter selects the application in which a card of that chip proves itself. It ends a session.
func enter(ctx context.Context, card Card, chip Chip) error {
	if chip != NTAG424 {
		return exchangeOnly(ctx, card, selectApplication, aid[:])
	}
	apdu := slices.Concat([]byte{0x00, 0xA4, 0x04, 0x0C, byte(len(ntagName))}, []byte(ntagName), []byte{0})
	reply, err := card.Transceive(ctx, apdu)
	if err != nil {
		return radioError{err}
	}
	if string(reply) != "\x90\x00" {
		return fmt.Errorf("%w: no application of an NTAG 424 DNA", ErrNotGenuine)
	}
	return nil
}
