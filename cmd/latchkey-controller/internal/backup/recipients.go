// Package backup is the file that a backup of a site is: a tar archive, encrypted
// with age (age-encryption.org/v1) to some recipients or to a passphrase. The
// programs age and tar open it, too.
//
// Such a file appears whole or not at all, and what is in it is on no disk in
// the clear meanwhile.
package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// maxRecipients bounds the recipients of one backup.
const maxRecipients = 32

// Recipients are those who can open a backup.
type Recipients struct {
	list []age.Recipient
	text string
}

// ToPassphrase is whoever knows a passphrase. Each backup to it takes a second
// and 256 MiB: age's scrypt at 2^18.
func ToPassphrase(passphrase []byte) (Recipients, error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	return Recipients{[]age.Recipient{r}, "a passphrase"}, err
}

// ParseRecipients reads age recipients, one a line, as age's recipients files
// have them: whoever has the identity of one of them can open the backup.
func ParseRecipients(text string) (Recipients, error) {
	list, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return Recipients{}, fmt.Errorf("these are no age recipients: %w; one is like age1…, and age-keygen shows it", err)
	}
	if len(list) > maxRecipients {
		return Recipients{}, fmt.Errorf("a backup has %d recipients at most, not %d", maxRecipients, len(list))
	}
	if _, err := age.Encrypt(io.Discard, list...); err != nil { // not all go together
		return Recipients{}, fmt.Errorf("these age recipients do not go together: %w", err)
	}
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = fmt.Sprint(r)
	}
	return Recipients{list, strings.Join(names, ", ")}, nil
}

// String says who they are.
func (r Recipients) String() string { return r.text }

// Bounds of what opens a backup: an identity file's bytes, and the work factor
// of a passphrase, of which this program's own have 18. 20 takes 1 GiB for
// seconds.
const (
	maxIdentityFile = 64 << 10
	maxWorkFactor   = 20
)

// Identities are what a backup is opened with.
type Identities struct {
	list   []age.Identity
	phrase bool
}

// ByPassphrase opens with a passphrase.
func ByPassphrase(passphrase []byte) (Identities, error) {
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return Identities{}, err
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	return Identities{[]age.Identity{id}, true}, nil
}

// ReadIdentities reads an age identity file, as age-keygen writes it.
func ReadIdentities(r io.Reader) (Identities, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxIdentityFile+1))
	defer clear(b)
	if err != nil {
		return Identities{}, err
	}
	if len(b) > maxIdentityFile {
		return Identities{}, fmt.Errorf("an identity file has %d bytes at most", maxIdentityFile)
	}
	if bytes.HasPrefix(b, []byte(intro)) || bytes.HasPrefix(b, []byte("-----BEGIN AGE ENCRYPTED FILE-----")) {
		return Identities{}, errors.New("it is encrypted itself; decrypt it first: age -d")
	}
	list, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return Identities{}, fmt.Errorf("%w; age-keygen writes such a file", err)
	}
	return Identities{list, false}, nil
}
