package site

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/backup"
	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/sync/wire"
)

// backUp writes a backup of a site in SQLite to a file.
func backUp(t *testing.T, s *Site, path string) {
	t.Helper()
	postgrestest.SQLiteOnly(t)
	var b bytes.Buffer
	if err := s.Backup(t.Context(), noon, backuptest.Recipients(t), &b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestABackupIsRestoredIntoANewEpoch(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "58310274", uid(1))
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	before := theLog(t, s, wire.Position{}).Position
	policy := policyOf(t, s, "front-door")
	path := filepath.Join(t.TempDir(), "backup")
	backUp(t, s, path)
	bob := addUser(t, s, "Bob", "", uid(2))
	dir := filepath.Join(t.TempDir(), "restored")
	was, err := Restore(t.Context(), at(noon.Add(time.Hour)), path, backuptest.Identities(t), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if was.Name != "home" || was.Controller != s.Fingerprint() {
		t.Errorf("%+v", was)
	}
	if _, err := Restore(t.Context(), at(noon), path, backuptest.Identities(t), dir, ""); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
	for _, name := range []string{".", store.File, vault.KeyFile} {
		if err := vault.CheckPrivate(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	restored, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if report := check(t, restored); report.Users != 1 || report.Epoch != was.Epoch || was.Epoch <= before.Epoch {
		t.Errorf("%+v, epoch %d after %d", report, was.Epoch, before.Epoch)
	}
	if p := policyOf(t, restored, "front-door"); p.Revision <= policy.Revision {
		t.Errorf("policy %+v", p)
	}
	if u := addUser(t, restored, "Eve", "", uid(3)); u.ID <= bob.ID {
		t.Errorf("number %d was Bob's", u.ID)
	}
	if restored.ID != s.ID || restored.Fingerprint() != s.Fingerprint() {
		t.Error("another site")
	}
}

// Where the clock is behind the backup, so may the numbers be that a restore gives:
// that is said. How long ago it was made matters to nobody.
func TestARestoreByAClockThatIsBehindIsInDoubt(t *testing.T) {
	s, _ := newSite(t)
	path := filepath.Join(t.TempDir(), "backup")
	backUp(t, s, path)
	for after, want := range map[time.Duration]bool{-10 * 365 * 24 * time.Hour: true, 10 * 365 * 24 * time.Hour: false} {
		read := clock.Reading{Wall: noon.Add(after), Boot: "another machine", Since: time.Minute}
		to := filepath.Join(t.TempDir(), "restored")
		if _, err := Restore(t.Context(), read, path, backuptest.Identities(t), to, ""); err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		doubt, err := r.Doubt(t.Context(), read)
		if err != nil || (doubt != nil) != want {
			t.Errorf("%v after the backup: %q, %v", after, doubt, err)
		}
		r.Close()
	}
}

// A transaction that goes on while pages are read must not show in them.
func TestABackupIsTheSiteOfOneMoment(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	s, dir := newSite(t)
	for i := range 40 {
		addUser(t, s, fmt.Sprint("User ", i), "", uid(i))
	}
	path := filepath.Join(t.TempDir(), "backup")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	others := 0
	add := func() {
		other, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		addUser(t, other, fmt.Sprint("Other ", others), "", uid(100+others))
		others++
	}
	if err := s.Backup(t.Context(), noon, backuptest.Recipients(t), &between{f, add}); err != nil {
		t.Fatal(err)
	}
	if others < 3 {
		t.Fatalf("only %d were added meanwhile", others)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), at(noon.Add(time.Hour)), path, backuptest.Identities(t), restored, ""); err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), restored)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if report := check(t, r); report.Users != 40 {
		t.Errorf("%+v", report)
	}
	if report := check(t, s); report.Users != 40+others {
		t.Errorf("%+v", report)
	}
}

// A between does something before each write.
type between struct {
	w  io.Writer
	do func()
}

func (b *between) Write(p []byte) (int, error) {
	b.do()
	return b.w.Write(p)
}

func TestADamagedBackupIsNotRestored(t *testing.T) {
	s, siteDir := newSite(t)
	addUser(t, s, "Ada", "", uid(1))
	parent := t.TempDir()
	whole := filepath.Join(parent, "whole")
	backUp(t, s, whole)
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(siteDir, vault.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	another := make([]byte, len(key))
	rand.Read(another)
	var image bytes.Buffer
	if err := s.View(t.Context(), func(tx *store.Tx) error {
		i, err := tx.Image(t.TempDir())
		if err != nil {
			return err
		}
		defer i.Close()
		return i.Write(&image)
	}); err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(b)
	changed[len(changed)/2] ^= 1
	made := func(key, database []byte, more ...backup.Member) []byte {
		member := func(name string, content []byte) backup.Member {
			return backup.Member{Name: name, Size: int64(len(content)), Write: func(w io.Writer) error { _, err := w.Write(content); return err }}
		}
		var b bytes.Buffer
		if err := backup.Write(&b, noon, backuptest.Recipients(t), append([]backup.Member{member(vault.KeyFile, key), member(store.File, database)}, more...)...); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, b := range map[string][]byte{
		"half of it":        b[:len(b)/2],
		"changed":           changed,
		"another key":       made(another, image.Bytes()),
		"a short key":       made(key[:31], image.Bytes()),
		"half the database": made(key, image.Bytes()[:8192]),
		"no database":       made(key, nil),
		"one file more":     made(key, image.Bytes(), backup.Member{Name: store.File + "-wal", Write: func(io.Writer) error { return nil }}),
	} {
		path, dir := filepath.Join(parent, name), filepath.Join(parent, name+" restored")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), at(noon), path, backuptest.Identities(t), dir, ""); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
	if _, err := Restore(t.Context(), at(noon), parent, backuptest.Identities(t), filepath.Join(parent, "restored"), ""); err == nil {
		t.Error("a directory: restored")
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 8 {
		t.Errorf("%v are left, %v", entries, err)
	}
}

func TestABackupHasTheKeyThatOpensIt(t *testing.T) {
	s, dir := newSite(t)
	if err := os.WriteFile(filepath.Join(dir, vault.KeyFile), make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), noon, backuptest.Recipients(t), io.Discard); err != errResealed {
		t.Errorf("with another key: %v", err)
	}
	// Between the two steps of a change of the key.
	s, dir = newSite(t)
	old, err := os.ReadFile(filepath.Join(dir, vault.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := newStorageKey(t, s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, vault.KeyFile), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), noon, backuptest.Recipients(t), io.Discard); err != errResealed {
		t.Errorf("with the old key: %v", err)
	}
}

func TestADamagedDatabaseIsNotBackedUp(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	s, dir := newSite(t)
	for i := range 100 { // so that the last page is of a table
		addUser(t, s, fmt.Sprint("User ", i), "", uid(i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, store.File), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 100), info.Size()-4096); err != nil { // the head of the last page
		t.Fatal(err)
	}
	s, err = Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Backup(t.Context(), noon, backuptest.Recipients(t), io.Discard); err == nil || !strings.Contains(err.Error(), "the database is damaged") {
		t.Error(err)
	}
}
