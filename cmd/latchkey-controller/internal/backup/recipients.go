// Package backup reads and writes the file of a site's backup: a tar archive, encrypted
// with age (age-encryption.org/v1) to recipients or to a passphrase. The programs age
// and tar open it, too.
//
// The file appears completely or not at all, and its contents are never on a disk
// unencrypted.
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

// Recipients can open a backup.
type Recipients struct {
	list []age.Recipient
	text string
}

// ToPassphrase returns a recipient that is whoever knows a passphrase. Each backup
// takes a second and 256 MiB: age's scrypt at 2^18.
func ToPassphrase(passphrase []byte) (Recipients, error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	return Recipients{[]age.Recipient{r}, "a passphrase"}, err
}

// ParseRecipients reads age recipients, one a line, as in age's recipients files.
// Whoever has the identity of one of them can open the backup.
func ParseRecipients(text string) (Recipients, error) {
	list, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return Recipients{}, fmt.Errorf("these are no age recipients: %w; one is like age1…, and age-keygen shows it", err)
	}
	if len(list) > maxRecipients {
		return Recipients{}, fmt.Errorf("a backup has %d recipients at most, not %d", maxRecipients, len(list))
	}
	if _, err := age.Encrypt(io.Discard, list...); err != nil { // some kinds cannot be mixed
		return Recipients{}, fmt.Errorf("these age recipients cannot be combined: %w", err)
	}
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = fmt.Sprint(r)
	}
	return Recipients{list, strings.Join(names, ", ")}, nil
}

// String names them.
func (r Recipients) String() string { return r.text }

// Encrypt returns a writer that encrypts to them what is written to it; its Close ends the file.
func (r Recipients) Encrypt(w io.Writer) (io.WriteCloser, error) { return age.Encrypt(w, r.list...) }

// Bounds when a backup is opened: the bytes of an identity file, and the work factor of
// a passphrase. This program's own backups have 18; 20 takes 1 GiB for seconds.
const (
	maxIdentityFile = 64 << 10
	maxWorkFactor   = 20
)

// Identities open a backup.
type Identities struct {
	list   []age.Identity
	phrase bool
}

// ByPassphrase returns what opens a backup to a passphrase.
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
