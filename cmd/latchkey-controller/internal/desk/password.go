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
	passwordVersion = 2 // of what is sealed, and of the above: this byte ‖ salt ‖ tag
	passwordAsTyped = 1 // the version whose passwords were not normalized
)

// sealedPassword is what the vault seals a password's check as, by the
// administrator's id: a copy of the database alone gives nobody anything to
// try passwords on.
const sealedPassword = "password"

// derive returns the tag of a password. Only a few are derived at once, so that
// strangers cannot use up the memory.
func (d *Desk) derive(ctx context.Context, password, salt []byte) ([]byte, error) {
	select {
	case d.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-d.hashing }()
	return argon2.IDKey(password, salt, passwordPasses, d.memory, passwordLanes, passwordTag), nil
}

// newPassword returns what a password is checked with.
func (d *Desk) newPassword(ctx context.Context, password []byte) ([]byte, error) {
	password = normalized(password)
	defer clear(password)
	check := make([]byte, 1+passwordSalt, 1+passwordSalt+passwordTag)
	check[0] = passwordVersion
	rand.Read(check[1:])
	tag, err := d.derive(ctx, password, check[1:])
	return append(check, tag...), err
}

// normalized returns a copy of a password in the form in which it is derived, the
// same from whatever keyboard it was typed: NFKC, as RFC 8265 §4.2.2 and NIST SP
// 800-63B §5.1.1.2 have it.
func normalized(password []byte) []byte {
	return norm.NFKC.Append(make([]byte, 0, 3*len(password)), password...)
}

// isPassword says whether a password is the one of an administrator. Without
// an administrator, or one who has no password yet, it takes as long.
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

// checkNewPassword refuses what is no password to begin with. Long ones are
// better than odd ones (NIST SP 800-63B §5.1.1.2).
func checkNewPassword(field, name string, password []byte) error {
	switch n := utf8.RuneCount(password); {
	case n < MinPassword:
		return wrong(field, fmt.Sprintf("A password has %d characters at least; a few words make a good one", MinPassword))
	case len(password) > maxPassword:
		return wrong(field, fmt.Sprintf("A password has %d bytes at most", maxPassword))
	case !utf8.Valid(password):
		return wrong(field, "This password is not UTF-8")
	}
	if name != "" && store.Fold(string(password)) == store.Fold(name) || allOf(password) || isCommon(password) {
		return wrong(field, "This password would be among the first that anybody tries; take another")
	}
	return nil
}

// allOf says whether a password is one byte over and over.
func allOf(password []byte) bool {
	for _, c := range password {
		if c != password[0] {
			return false
		}
	}
	return true
}
