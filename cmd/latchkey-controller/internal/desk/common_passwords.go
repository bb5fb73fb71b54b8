package desk

import (
	"bytes"
	_ "embed"
	"unicode"
)

// commonPasswords are the 30,000 most common leaked passwords, one per line, in lower
// case: the list of zxcvbn 4.4.2.
//
//go:embed passwords.txt
var commonPasswords []byte

// isCommon says whether a password, ignoring case and leading or trailing digits and
// signs, is one of the most common.
func isCommon(password []byte) bool {
	lower := bytes.ToLower(normalized(password))
	defer clear(lower)
	bare := bytes.TrimFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) })
	return commonLine(lower) || len(bare) > 0 && commonLine(bare)
}

func commonLine(word []byte) bool {
	if bytes.ContainsRune(word, '\n') {
		return false
	}
	for line := range bytes.Lines(commonPasswords) {
		if bytes.Equal(bytes.TrimSuffix(line, []byte("\n")), word) {
			return true
		}
	}
	return false
}
