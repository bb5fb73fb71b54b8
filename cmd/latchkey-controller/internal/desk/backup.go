package desk

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/backup"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// MinPassphrase is the least number of characters in a backup's passphrase. Nothing
// but the key derivation slows down guessing.
const MinPassphrase = 16

// A BackupForm says to whom a backup is encrypted: to a passphrase, or to age
// recipients, one per line. Fields: "passphrase", "recipients".
type BackupForm struct {
	Passphrase []byte
	Recipients string
}

// recipients checks the form and returns its recipients.
func (f *BackupForm) recipients() (backup.Recipients, error) {
	if f.Recipients != "" {
		to, err := backup.ParseRecipients(f.Recipients)
		if err == nil && len(f.Passphrase) > 0 {
			err = errors.New("a backup is encrypted to recipients or to a passphrase, not to both")
		}
		return to, wrongField("recipients", err)
	}
	if err := checkSecret("passphrase", backupRules, f.Passphrase); err != nil {
		return backup.Recipients{}, err
	}
	return backup.ToPassphrase(f.Passphrase)
}

// BackupTo writes an encrypted backup to a new file. If it is interrupted, it leaves
// nothing behind.
func (d *Desk) BackupTo(ctx context.Context, a Actor, form *BackupForm, path string) error {
	return d.backup(ctx, a, form, func(to string) *language.Sentence {
		return language.Say("as %s, encrypted to %s¦a file, to whom", path, to)
	}, func(to backup.Recipients) error {
		if err := backup.Free(path); err != nil {
			return err
		}
		f, err := backup.Create(filepath.Dir(path))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := d.site.Backup(ctx, d.now(), to, f); err != nil {
			return err
		}
		return f.Commit(filepath.Base(path))
	})
}

// WriteBackup writes an encrypted backup to w. It writes nothing if it cannot
// complete the backup.
func (d *Desk) WriteBackup(ctx context.Context, a Actor, form *BackupForm, w io.Writer) error {
	return d.backup(ctx, a, form, func(to string) *language.Sentence {
		return language.Say("and downloaded it, encrypted to %s", to)
	}, func(to backup.Recipients) error {
		// A slow download must not hold up the database.
		f, err := d.site.TempFile()
		if err != nil {
			return err
		}
		defer f.Close()
		if err := d.site.Backup(ctx, d.now(), to, f); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err = io.Copy(w, f.File)
		return err
	})
}

// backup checks the form, runs the backup and audits it with its recipients.
func (d *Desk) backup(ctx context.Context, a Actor, form *BackupForm, how func(to string) *language.Sentence, run func(backup.Recipients) error) error {
	target := &auditTarget{subject: d.site.Name}
	if err := d.check(ctx, a, Backup, target); err != nil {
		return err
	}
	to, err := form.recipients()
	if err != nil {
		return err
	}
	return d.actOutside(ctx, a, Backup, target, func() (*language.Sentence, error) {
		return how(to.String()), run(to)
	})
}
