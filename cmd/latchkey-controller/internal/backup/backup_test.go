package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

var now = time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)

func newIdentity(t *testing.T) (recipient string, with Identities) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	with, err = ReadIdentities(strings.NewReader("# a key\n" + id.String() + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String(), with
}

func recipients(t *testing.T, list ...string) Recipients {
	t.Helper()
	to, err := ParseRecipients(strings.Join(list, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// member returns a member of n bytes.
func member(name string, n int) Member {
	return Member{name, int64(n), func(w io.Writer) error {
		_, err := w.Write(bytes.Repeat([]byte{'x'}, n))
		return err
	}}
}

func written(t *testing.T, to Recipients, members ...Member) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, now, to, members...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read reads a backup of "key", at most 32 bytes, and "db", as a site does.
func read(t *testing.T, b []byte, with Identities) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Open(f, with)
	if err != nil {
		return err
	}
	var key, db bytes.Buffer
	if err := errors.Join(r.Extract("key", 32, &key), r.Extract("db", r.Size(), &db)); err != nil {
		return err
	}
	if err := r.End(); err != nil {
		return err
	}
	if key.Len() != 32 || db.Len() != 200_000 {
		return fmt.Errorf("%d and %d bytes", key.Len(), db.Len())
	}
	return nil
}

func TestEachRecipientOpensABackupAndNobodyElse(t *testing.T) {
	ada, adas := newIdentity(t)
	bob, bobs := newIdentity(t)
	_, eves := newIdentity(t)
	b := written(t, recipients(t, "# who", ada, "", bob), member("key", 32), member("db", 200_000))
	for name, with := range map[string]Identities{"Ada": adas, "Bob": bobs} {
		if err := read(t, b, with); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	phrase, err := ByPassphrase([]byte("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	for want, with := range map[string]Identities{"no identity in this file opens the backup": eves, "takes the identity": phrase} {
		if err := read(t, b, with); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}

func TestAPassphraseOpensABackupAndNoOther(t *testing.T) {
	to, err := ToPassphrase([]byte("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	b := written(t, to, member("key", 32), member("db", 200_000))
	if !bytes.Contains(b[:200], []byte(" 18\n")) {
		t.Error("another work factor than age's own")
	}
	_, eves := newIdentity(t)
	if err := read(t, b, eves); err == nil || !strings.Contains(err.Error(), "encrypted to a passphrase") {
		t.Error(err)
	}
	for phrase, want := range map[string]string{"correct horse battery": "", "correct horse batterz": "this passphrase does not open the backup"} {
		with, err := ByPassphrase([]byte(phrase))
		if err != nil {
			t.Fatal(err)
		}
		if err := read(t, b, with); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v", phrase, err)
		}
	}
	// A backup cannot make its reader spend any amount of memory and time.
	dear := bytes.Replace(b, []byte(" 18\n"), []byte(" 21\n"), 1)
	with, err := ByPassphrase([]byte("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	if err := read(t, dear, with); err == nil || !strings.Contains(err.Error(), "work factor too large") {
		t.Error(err)
	}
}

// cut is part of the error for a backup that was changed.
const cut = "cut short, or was changed"

func TestABackupThatIsNotWholeIsRefused(t *testing.T) {
	to, with := newIdentity(t)
	b := written(t, recipients(t, to), member("key", 32), member("db", 200_000))
	header := bytes.Index(b, []byte(endOfHeader)) + len(endOfHeader)
	chunks := header + 44 + 16 // the header's MAC and end of line, the payload's nonce
	const chunk = 64<<10 + 16
	flip := func(at int) []byte {
		changed := bytes.Clone(b)
		changed[at] ^= 1
		return changed
	}
	// Some chunks of zeros, as other programs pad archives with.
	var padded bytes.Buffer
	w, err := age.Encrypt(&padded, recipients(t, to).list...)
	if err != nil {
		t.Fatal(err)
	}
	if err := tarOf(w, 500_000, member("key", 32), member("db", 200_000)); err != nil {
		t.Fatal(err)
	}
	if err := read(t, padded.Bytes(), with); err != nil {
		t.Error(err)
	}
	behind := padded.Bytes()
	behind[len(behind)-200_000] ^= 1
	swapped := bytes.Clone(b)
	copy(swapped[chunks:], b[chunks+chunk:chunks+2*chunk])
	copy(swapped[chunks+chunk:], b[chunks:chunks+chunk])
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":                                   {nil, "is no backup"},
		"not age":                                 {bytes.Repeat([]byte("SQLite format 3\x00"), 100), "is no backup"},
		"a header without end":                    {append([]byte(intro), bytes.Repeat([]byte("-> X25519 x\n"), 1<<20)...), "is no backup"},
		"half a header":                           {b[:header/2], "is no backup"},
		"only a header":                           {b[:header+44], cut},
		"without its last byte":                   {b[:len(b)-1], cut},
		"without its last chunk":                  {b[:chunks+3*chunk], cut},
		"cut within a chunk":                      {b[:chunks+chunk+100], cut},
		"with something behind it":                {append(bytes.Clone(b), 0), cut},
		"a flipped recipient":                     {flip(header - 60), ""},
		"a flipped header MAC":                    {flip(header + 10), cut},
		"a flipped nonce":                         {flip(chunks - 1), cut},
		"a flipped byte at the start":             {flip(chunks), cut},
		"a flipped byte in between":               {flip(chunks + chunk + 5), cut},
		"a flipped byte at the end":               {flip(len(b) - 1), cut},
		"chunks that are swapped":                 {swapped, cut},
		"a flipped byte behind the archive's end": {behind, cut},
		"chunks left out":                         {append(bytes.Clone(b[:chunks+chunk]), b[chunks+2*chunk:]...), cut},
	} {
		if err := read(t, c.b, with); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := read(t, b, with); err != nil {
		t.Error(err)
	}
}

// tarOf writes an archive, and zeros after its end.
func tarOf(w io.WriteCloser, zeros int, members ...Member) error {
	archive := tar.NewWriter(w)
	for _, m := range members {
		if err := errors.Join(archive.WriteHeader(&tar.Header{Name: m.Name, Size: m.Size}), m.Write(archive)); err != nil {
			return err
		}
	}
	_, err := w.Write(make([]byte, zeros))
	return errors.Join(archive.Flush(), err, w.Close())
}

// Anybody can encrypt what they like to a recipient.
func TestABackupOfSomethingElseIsRefused(t *testing.T) {
	text, with := newIdentity(t)
	to := recipients(t, text)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"no member":       {written(t, to), "has no key"},
		"one":             {written(t, to, member("key", 32)), "has no db"},
		"another":         {written(t, to, member("../key", 32), member("db", 200_000)), `has "../key" where key belongs`},
		"in other order":  {written(t, to, member("db", 200_000), member("key", 32)), `has "db" where key belongs`},
		"a large key":     {written(t, to, member("key", 33), member("db", 200_000)), "33 bytes, at most 32"},
		"one more":        {written(t, to, member("key", 32), member("db", 200_000), member("db-wal", 5)), `has "db-wal", which belongs to no site`},
		"a link":          {encrypted(t, to, tar.Header{Name: "key", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), `has "key" where key belongs`},
		"a directory":     {encrypted(t, to, tar.Header{Name: "key", Typeflag: tar.TypeDir}), "where key belongs"},
		"no archive":      {encrypted(t, to), cut},
		"half an archive": {encrypted(t, to, tar.Header{Name: "key", Size: 32}), cut},
	} {
		if err := read(t, c.b, with); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// encrypted encrypts members without contents, or bytes that are no archive.
func encrypted(t *testing.T, to Recipients, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to.list...)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(w)
	for _, h := range headers {
		err = errors.Join(err, archive.WriteHeader(&h))
	}
	if len(headers) == 0 {
		_, err = w.Write(bytes.Repeat([]byte("no archive "), 1000))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsNoRecipientAndNoIdentityIsRefusedAndNotRepeated(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	one := id.Recipient().String()
	for _, text := range []string{"", "# nobody", "age1x", id.String(), "ssh-ed25519 AAAA", strings.Repeat(one+"\n", maxRecipients+1), one + "\n" + hybrid.Recipient().String()} {
		if _, err := ParseRecipients(text); err == nil || strings.Contains(err.Error(), id.String()) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	most := recipients(t, strings.Repeat(hybrid.Recipient().String()+"\n", maxRecipients))
	with, err := ReadIdentities(strings.NewReader(hybrid.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := read(t, written(t, most, member("key", 32), member("db", 200_000)), with); err != nil {
		t.Errorf("for as many recipients as there may be: %v", err)
	}
	for text, want := range map[string]string{
		"":                            "no identities found",
		one:                           "unknown identity type",
		intro + "-> scrypt x 18\n":    "encrypted itself",
		strings.Repeat("#\n", 64<<10): "at most",
	} {
		if _, err := ReadIdentities(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestAFileAppearsWholeAndReplacesNone(t *testing.T) {
	for name, create := range map[string]func(dir string) (*File, error){"without a name": Create, "with one": createNamed} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, whole := range []bool{false, true} {
				f, err := create(dir)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteString("new"); err != nil {
					t.Fatal(err)
				}
				if there := names(t, dir); name == "without a name" && len(there) > 0 || len(there) > 1 {
					t.Errorf("%v are there before it is whole", there)
				}
				if whole {
					if err := f.Commit("backup"); err != nil {
						t.Fatal(err)
					}
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				if there := fmt.Sprint(names(t, dir)); whole && there != "[backup]" || !whole && there != "[]" {
					t.Errorf("whole %t: %s", whole, there)
				}
			}
			if info, err := os.Stat(filepath.Join(dir, "backup")); err != nil || info.Mode() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			f, err := create(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Commit("backup"); !errors.Is(err, fs.ErrExist) {
				t.Errorf("over another one: %v", err)
			}
			f.Close()
			if b, err := os.ReadFile(filepath.Join(dir, "backup")); err != nil || string(b) != "new" {
				t.Errorf("%q, %v", b, err)
			}
			if there := names(t, dir); len(there) != 1 {
				t.Errorf("%v", there)
			}
		})
	}
}

func TestWhatKilledProgramsLeftIsRemovedAndWhatOthersWriteIsNot(t *testing.T) {
	dir := t.TempDir()
	others, err := createNamed(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer others.Close()
	otherDir, err := createUnfinished(dir, unfinishedDir)
	if err != nil {
		t.Fatal(err)
	}
	defer otherDir.discard()
	left := filepath.Join(dir, unfinishedFile+"LEFT")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	leftDir := filepath.Join(dir, unfinishedDir+"LEFT")
	if err := os.MkdirAll(filepath.Join(leftDir, "site"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, mine := range []string{"backup", "latchkey-backup-2026"} {
		if err := os.WriteFile(filepath.Join(dir, mine), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := MakeDir(filepath.Join(dir, "made"), func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"), nil, 0o600) }); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]string{filepath.Base(others.named.path), filepath.Base(otherDir.path), "backup", "latchkey-backup-2026", "made"})
	if got := fmt.Sprint(names(t, dir)); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if err := others.Commit("others"); err != nil {
		t.Error(err)
	}
}

func TestADirectoryAppearsWholeAndReplacesNone(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "site")
	if err := MakeDir(path, func(string) error { return io.ErrUnexpectedEOF }); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	if there := names(t, parent); len(there) > 0 {
		t.Errorf("%v", there)
	}
	fill := func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"), nil, 0o600) }
	if err := MakeDir(path, fill); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(path, fill); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
	if there := fmt.Sprint(names(t, parent), names(t, path)); there != "[site] [x]" {
		t.Error(there)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
