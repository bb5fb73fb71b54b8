// Package pin makes the tag that a reader and its controller know a credential
// by: from a PIN's digits by Argon2id, from a card by its identifier, and from
// either by a keyed hash. It also says where the key lives, and which PINs are
// too weak to give to anybody.
//
// Digits are byte slices of the caller's, never strings, and the caller wipes
// them.
package pin

import (
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/crypto/argon2"

	"latchkey/sync/wire"
)

// Length is how many digits a PIN has.
const Length = 8

// MaterialSize is how many bytes Material returns.
const MaterialSize = 32

// Material returns what a PIN is known by before it is keyed: Argon2id (RFC
// 9106, version 1.3) of its eight ASCII digits, 32 bytes. Costs outside the
// bounds of wire.KDF are refused. It allocates kdf.Memory KiB and keeps
// kdf.Threads cores busy for some tenths of a second on a small board: run one
// at a time and call Release when its outcome is known. The caller wipes
// digits and what is returned.
func Material(digits []byte, kdf wire.KDF) ([]byte, error) {
	if err := checkDigits(digits); err != nil {
		return nil, err
	}
	if err := kdf.Check(); err != nil {
		return nil, fmt.Errorf("pin: %w", err)
	}
	material := make([]byte, MaterialSize) // not one that goes when Secretly's do
	Secretly(func() {
		copy(material, argon2.IDKey(digits, kdf.Salt[:], kdf.Time, kdf.Memory, kdf.Threads, MaterialSize))
	})
	return material, nil
}

// Release collects what earlier derivations have left, which erases what
// Secretly had them allocate, and hands its memory back to the system, which
// clears it. It stops the world for some milliseconds: call it when nobody
// waits any more.
func Release() { debug.FreeOSMemory() }

// CheckCard refuses what is no card's identifier: single, double or triple size
// (ISO/IEC 14443-3 §6.5.4), 4, 7 or 10 bytes. The identifier, as it is, is the
// card's material.
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
