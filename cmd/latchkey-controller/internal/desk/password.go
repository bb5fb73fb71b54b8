package desk

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// The second recommended choice of RFC 9106 §4: Argon2id with 64 MiB, three
// passes and four lanes; salt of 16 bytes, tag of 32.
const (
	passwordMemory  = 64 << 10 // KiB
	passwordPasses  = 3
	passwordLanes   = 4
	passwordSalt    = 16
	passwordTag     = 32
	passwordVersion = 2 // of the verifier, version ‖ salt ‖ tag, and of these parameters
	passwordAsTyped = 1 // the version whose passwords were not normalized
)

// sealedPassword is the kind under which the vault seals password verifiers, by the
// administrator's id: without the storage key, a copy of the database allows no
// guessing.
const sealedPassword = "password"

// derive returns a password's tag. It limits concurrent derivations, so that
// strangers cannot exhaust the memory.
func (d *Desk) derive(ctx context.Context, password, salt []byte) ([]byte, error) {
	select {
	case d.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-d.hashing }()
	return argon2.IDKey(password, salt, passwordPasses, d.memory, passwordLanes, passwordTag), nil
}

// newPassword returns a password's verifier.
func (d *Desk) newPassword(ctx context.Context, password []byte) ([]byte, error) {
	password = normalized(password)
	defer clear(password)
	check := make([]byte, 1+passwordSalt, 1+passwordSalt+passwordTag)
	check[0] = passwordVersion
	rand.Read(check[1:])
	tag, err := d.derive(ctx, password, check[1:])
	return append(check, tag...), err
}

// normalized returns a copy of a password in NFKC, so that it does not depend on the
// keyboard (RFC 8265 §4.2.2, NIST SP 800-63B §5.1.1.2).
func normalized(password []byte) []byte {
	return norm.NFKC.Append(make([]byte, 0, 3*len(password)), password...)
}

// isPassword says whether a password is the administrator's. It takes as long without
// an administrator, or with one who has no password.
func (d *Desk) isPassword(ctx context.Context, admin *store.Admin, password []byte) (bool, error) {
	check := make([]byte, 1+passwordSalt+passwordTag)
	known := admin != nil && len(admin.Password) > 0
	if known {
		var err error
		if check, err = d.site.Unseal(sealedPassword, admin.ID, admin.Password); err != nil {
			return false, err
		}
		if len(check) != 1+passwordSalt+passwordTag || check[0] != passwordVersion && check[0] != passwordAsTyped {
			return false, fmt.Errorf("password of administrator %d: %d bytes of an unknown kind", admin.ID, len(check))
		}
	}
	if check[0] != passwordAsTyped {
		password = normalized(password)
		defer clear(password)
	}
	tag, err := d.derive(ctx, password, check[1:1+passwordSalt])
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(tag, check[1+passwordSalt:]) == 1 && known, nil
}

// checkNewPassword refuses weak passwords. Length matters more than odd characters
// (NIST SP 800-63B §5.1.1.2).
func checkNewPassword(field, name string, password []byte) error {
	switch n := utf8.RuneCount(password); {
	case n < MinPassword:
		return wrong(field, fmt.Sprintf("A password needs at least %d characters; several words make a good one", MinPassword))
	case len(password) > maxPassword:
		return wrong(field, fmt.Sprintf("A password can have at most %d bytes", maxPassword))
	case !utf8.Valid(password):
		return wrong(field, "This password is not valid UTF-8")
	}
	if name != "" && store.Fold(string(password)) == store.Fold(name) || allOf(password) || isCommon(password) {
		return wrong(field, "This password is too easy to guess; choose another")
	}
	return nil
}

// allOf says whether a password repeats a single byte.
func allOf(password []byte) bool {
	for _, c := range password {
		if c != password[0] {
			return false
		}
	}
	return true
}
