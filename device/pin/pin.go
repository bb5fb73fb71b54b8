// Package pin derives the tag by which a reader and its controller identify a
// credential: a keyed hash of its material, which is Argon2id of a PIN's digits
// or a card's identifier. It also checks whether PINs are too weak to assign.
//
// Digits are byte slices, never strings. The caller owns and wipes them.
package pin

import (
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/crypto/argon2"

	"latchkey/sync/wire"
)

// Length is the number of digits of a PIN.
const Length = 8

// MaterialSize is the number of bytes that Material returns.
const MaterialSize = 32

// Material returns a PIN's material: Argon2id (RFC 9106, version 1.3) of its
// eight ASCII digits, 32 bytes. It refuses costs outside the bounds of wire.KDF.
// It allocates kdf.Memory KiB and keeps kdf.Threads cores busy for some tenths
// of a second on a small board: run one at a time, and call Release when the
// outcome is known. The caller wipes digits and result.
func Material(digits []byte, kdf wire.KDF) ([]byte, error) {
	if err := checkDigits(digits); err != nil {
		return nil, err
	}
	if err := kdf.Check(); err != nil {
		return nil, fmt.Errorf("pin: %w", err)
	}
	material := make([]byte, MaterialSize) // allocated outside Secretly, which erases its own
	Secretly(func() {
		copy(material, argon2.IDKey(digits, kdf.Salt[:], kdf.Time, kdf.Memory, kdf.Threads, MaterialSize))
	})
	return material, nil
}

// Release runs the garbage collector, which erases what earlier calls of
// Secretly have allocated, and returns that memory to the system. It stops the
// world for some milliseconds: call it when nobody waits at the door.
func Release() { debug.FreeOSMemory() }

// CheckCard checks a card's identifier: of single, double or triple size (ISO/IEC
// 14443-3 §6.5.4), 4, 7 or 10 bytes. The identifier itself is the card's material.
func CheckCard(uid []byte) error {
	switch len(uid) {
	case 4, 7, 10:
		return nil
	}
	return fmt.Errorf("pin: a card's identifier has 4, 7 or 10 bytes, not %d", len(uid))
}

var errDigits = errors.New("a PIN is eight digits")

func checkDigits(digits []byte) error {
	ok := len(digits) == Length
	for _, d := range digits {
		ok = ok && d >= '0' && d <= '9'
	}
	if !ok {
		return errDigits
	}
	return nil
}
