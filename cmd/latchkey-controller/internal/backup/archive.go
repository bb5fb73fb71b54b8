package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"filippo.io/age"
)

// intro begins each file that age has encrypted; endOfHeader begins the last line of
// its header.
const (
	intro       = "age-encryption.org/v1\n"
	endOfHeader = "\n--- "
	maxHeader   = 64 << 10
)

// A Member is a file in the archive.
type Member struct {
	Name  string
	Size  int64
	Write func(io.Writer) error // writes exactly Size bytes
}

// Write writes a backup.
func Write(w io.Writer, now time.Time, to Recipients, members ...Member) error {
	encrypted, err := age.Encrypt(w, to.list...)
	if err != nil {
		return fmt.Errorf("encrypt the backup: %w", err)
	}
	archive := tar.NewWriter(encrypted)
	for _, m := range members {
		err := archive.WriteHeader(&tar.Header{Name: m.Name, Mode: 0o600, Size: m.Size, ModTime: now})
		if err == nil {
			err = m.Write(archive)
		}
		if err != nil {
			return fmt.Errorf("write the backup: %w", err)
		}
	}
	err = archive.Close()
	if err == nil {
		err = encrypted.Close()
	}
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// A Reader reads a backup, member by member. Do not trust what it has read before End
// has returned nil.
type Reader struct {
	plain   *io.SectionReader
	archive *tar.Reader
}

// Open decrypts a backup; f must stay open. It refuses a backup that is cut short.
func Open(f *os.File, with Identities) (*Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file; a backup is one file, as latchkey-controller backup writes it", f.Name())
	}
	head := make([]byte, min(info.Size(), maxHeader))
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.HasPrefix(head, []byte(intro)) || !bytes.Contains(head, []byte(endOfHeader)) {
		return nil, fmt.Errorf("%s is no backup, or its beginning is damaged", f.Name())
	}
	plain, size, err := age.DecryptReaderAt(f, info.Size(), with.list...)
	if err != nil {
		return nil, with.explain(err)
	}
	r := &Reader{plain: io.NewSectionReader(plain, 0, size)}
	r.archive = tar.NewReader(r.plain)
	return r, nil
}

// explain says why a backup was not opened.
func (i Identities) explain(err error) error {
	var none *age.NoIdentityMatchError
	if !errors.As(err, &none) {
		return damaged(err)
	}
	switch phrase := slices.Contains(none.StanzaTypes, "scrypt"); {
	case phrase && i.phrase:
		return errors.New("this passphrase does not open the backup")
	case phrase:
		return errors.New("the backup is encrypted to a passphrase, not to a recipient")
	case i.phrase:
		return errors.New("the backup is encrypted to a recipient, not to a passphrase: it takes the identity of one")
	default:
		return errors.New("no identity in this file opens the backup: it is encrypted to other recipients")
	}
}

func damaged(err error) error {
	return fmt.Errorf("the backup is cut short, or was changed: %w; take another copy of it", err)
}

// Extract writes the next member to a writer. The member must have this name and at
// most limit bytes.
func (r *Reader) Extract(name string, limit int64, to io.Writer) error {
	header, err := r.archive.Next()
	if err == io.EOF {
		return fmt.Errorf("the backup has no %s", name)
	}
	if err != nil {
		return damaged(err)
	}
	if header.Name != name || header.Typeflag != tar.TypeReg {
		return fmt.Errorf("the backup has %q where %s belongs: it is no backup of a site", header.Name, name)
	}
	if header.Size > limit {
		return fmt.Errorf("the backup's %s has %d bytes, at most %d", name, header.Size, limit)
	}
	from := &source{r: r.archive}
	_, err = io.Copy(to, from)
	if from.err != nil {
		return damaged(from.err)
	}
	return err
}

// Size is a bound of all members together, in bytes.
func (r *Reader) Size() int64 { return r.plain.Size() }

// End checks that no other member follows, and that the rest of the file is intact.
func (r *Reader) End() error {
	switch header, err := r.archive.Next(); {
	case err == nil:
		return fmt.Errorf("the backup has %q, which belongs to no site", header.Name)
	case err != io.EOF:
		return damaged(err)
	}
	if _, err := io.Copy(io.Discard, r.plain); err != nil {
		return damaged(err)
	}
	return nil
}

// A source is a reader that keeps its error: what failed in a copy may have been the
// writer.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
