package desk

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func toRecipient() *BackupForm { return &BackupForm{Recipients: backuptest.Recipient} }

func TestABackupThatIsDownloadedOpensTheSite(t *testing.T) {
	t.Parallel()
	postgrestest.SQLiteOnly(t)
	w := newWorld(t)
	w.card()
	var buffer bytes.Buffer
	w.must(w.WriteBackup(t.Context(), as(Owner), toRecipient(), &buffer))
	path, restored := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	w.must(os.WriteFile(path, buffer.Bytes(), 0o600))
	_, err := site.Restore(t.Context(), w.clock(), path, backuptest.Identities(t), restored, "")
	w.must(err)
	s, err := site.Open(t.Context(), restored)
	w.must(err)
	defer s.Close()
	if report, err := s.Check(t.Context()); err != nil || report.Credentials != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	before, err := os.ReadDir(w.dir)
	w.must(err)
	if err := w.WriteBackup(t.Context(), as(Owner), toRecipient(), failing{}); err == nil || w.newest().Result != Refused {
		t.Error("a download that broke off is noted as done:", err)
	}
	if after, err := os.ReadDir(w.dir); err != nil || len(after) != len(before) {
		t.Errorf("%v lie in the site, not %v; %v", after, before, err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestABackupIsEncryptedToSomebody(t *testing.T) {
	t.Parallel()
	postgrestest.SQLiteOnly(t)
	w := newWorld(t)
	for _, c := range []struct {
		form  BackupForm
		field string
	}{
		{BackupForm{}, "passphrase"},
		{BackupForm{Passphrase: []byte("fifteen letters")}, "passphrase"},
		{BackupForm{Passphrase: bytes.Repeat([]byte("x"), 20)}, "passphrase"},
		{BackupForm{Passphrase: []byte("password12345678")}, "passphrase"},
		{BackupForm{Passphrase: bytes.Repeat([]byte("long "), 60)}, "passphrase"},
		{BackupForm{Passphrase: []byte("sixteen letters \xff")}, "passphrase"},
		{BackupForm{Recipients: "Bob"}, "recipients"},
		{BackupForm{Recipients: backuptest.Recipient, Passphrase: []byte("correct horse battery staple")}, "recipients"},
	} {
		if err := w.WriteBackup(t.Context(), as(Owner), &c.form, io.Discard); Fields(err)[c.field] == nil {
			t.Errorf("%q, %q: %v", c.form.Passphrase, c.form.Recipients, err)
		}
	}
	path := filepath.Join(t.TempDir(), "backup")
	w.must(w.BackupTo(t.Context(), as(Owner), toRecipient(), path))
	if text := w.newest().Text.String(); text != "Owner made a backup of home as "+path+", encrypted to "+backuptest.Recipient {
		t.Error(text)
	}
	was, err := os.ReadFile(path)
	w.must(err)
	if err := w.BackupTo(t.Context(), as(Owner), toRecipient(), path); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
	if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, was) {
		t.Error("another backup was changed:", err)
	}
}
