package desk

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"latchkey/cmd/latchkey-controller/internal/language"
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

// checkNewPassword refuses a password that is weak, or an administrator's name.
func checkNewPassword(field, name string, password []byte) error {
	if err := checkSecret(field, passwordRules, password); err != nil {
		return err
	}
	if name != "" && store.Fold(string(password)) == store.Fold(name) {
		return wrongField(field, passwordRules.easy)
	}
	return nil
}

// secretRules say how long a password or passphrase must be, and what is said of one that is too short, too long, not UTF-8,
// or easy to guess. Length matters more than odd characters (NIST SP 800-63B §5.1.1.2).
type secretRules struct {
	least                      int // characters
	short, long, invalid, easy *language.Sentence
}

var passwordRules = secretRules{
	MinPassword, language.Say("A password needs at least %d characters; several words make a good one", MinPassword),
	language.Say("A password can have at most %d bytes", maxPassword), language.Say("This password is not valid UTF-8"),
	language.Say("This password is too easy to guess; choose another"),
}

var backupRules = secretRules{
	MinPassphrase, language.Say("A backup's passphrase needs at least %d characters; six random words make a good one", MinPassphrase),
	language.Say("A backup's passphrase can have at most %d bytes", maxPassword), language.Say("This backup's passphrase is not valid UTF-8"),
	language.Say("This backup's passphrase is too easy to guess; choose another"),
}

var pinFileRules = secretRules{
	MinPassphrase, language.Say("A passphrase for a file of PINs needs at least %d characters; six random words make a good one", MinPassphrase),
	language.Say("A passphrase for a file of PINs can have at most %d bytes", maxPassword), language.Say("This passphrase for a file of PINs is not valid UTF-8"),
	language.Say("This passphrase for a file of PINs is too easy to guess; choose another"),
}

// checkSecret refuses a weak password or passphrase.
func checkSecret(field string, rules secretRules, secret []byte) error {
	switch {
	case utf8.RuneCount(secret) < rules.least:
		return wrongField(field, rules.short)
	case len(secret) > maxPassword:
		return wrongField(field, rules.long)
	case !utf8.Valid(secret):
		return wrongField(field, rules.invalid)
	case easyToGuess(secret):
		return wrongField(field, rules.easy)
	}
	return nil
}

// commonPasswords are the 30,000 most common leaked passwords, one per line, in lower
// case: the list of zxcvbn 4.4.2.
//
//go:embed passwords.txt
var commonPasswords []byte

// easyToGuess says whether a password repeats a single byte, or is one of the most
// common, ignoring case and leading or trailing digits and signs.
func easyToGuess(password []byte) bool {
	if bytes.Count(password, password[:1]) == len(password) {
		return true
	}
	lower := bytes.ToLower(normalized(password))
	defer clear(lower)
	bare := bytes.TrimFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) })
	for word := range bytes.SplitSeq(commonPasswords, []byte("\n")) {
		if len(word) > 0 && (bytes.Equal(word, lower) || bytes.Equal(word, bare)) {
			return true
		}
	}
	return false
}
