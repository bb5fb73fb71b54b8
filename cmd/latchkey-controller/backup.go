package main

import (
	"context"
	"fmt"
	"os"

	"latchkey/cmd/latchkey-controller/internal/backup"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func backupCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "backup", "--out FILE --recipient age1… | --recipients-file FILE | --passphrase -",
		`Writes the site as it is now to one new file, encrypted with age (age-encryption.org); a controller may
be running. It has all that the site has: the signing key, the storage key and with it every PIN and
card, users, readers and what has happened. Whoever opens it has the site. Without the passphrase, or
the identity of a recipient, nobody opens it, you neither: keep that where the site and its backup are
not. A backup that is cut short leaves nothing behind; where files without a name cannot be had, as on
FAT and NFS, a killed one leaves .latchkey-backup-…, encrypted, which the next one there removes.`)
	out := o.String("out", "", "the new `file`, like home.tar.age")
	var form desk.BackupForm
	o.Func("recipient", "an age `recipient`, age1…, whose identity opens the backup; may be repeated", func(text string) error {
		form.Recipients += text + "\n"
		return nil
	})
	o.Func("recipients-file", "a `file` with age recipients, one a line", func(path string) error {
		b, err := readFile(path, maxRecipients)
		form.Recipients += string(b) + "\n"
		return err
	})
	phrase := passphraseFlag(o)
	if _, err := o.parse(args, 0, "out"); err != nil {
		return err
	}
	if err := checkPassphraseFlag(o, *phrase); err != nil {
		return err
	}
	if (*phrase != "") == (form.Recipients != "") {
		return usagef("%s needs --recipient, --recipients-file or --passphrase -, and not both kinds: nobody else opens the backup; see %[1]s --help", o.Name())
	}
	if err := backup.Free(*out); err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	if *phrase != "" {
		if form.Passphrase, err = ask(ctx, c, "passphrase", maxPassphraseLine, "Passphrase: ", "once more:  "); err != nil {
			return err
		}
		defer clear(form.Passphrase)
	}
	if err := d.BackupTo(ctx, d.actor, &form, *out); err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]string{"backup": *out})
	}
	_, err = fmt.Fprintf(c.out, "site %s is in %s, encrypted\n", d.site.Name, *out)
	return err
}

// maxRecipients bounds a file of recipients.
const maxRecipients = 64 << 10

// passphraseFlag is "-" if a passphrase is wanted, and "" if not.
func passphraseFlag(o *options) *string {
	return o.String("passphrase", "", "`-`: a passphrase, which is asked for, or read from standard input")
}

// checkPassphraseFlag refuses what may be a passphrase itself, and does not
// repeat it.
func checkPassphraseFlag(o *options, given string) error {
	if given != "" && given != "-" {
		return usageError(o.Name() + ": --passphrase is -: a passphrase in an argument could be read by others")
	}
	return nil
}

func restoreCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "restore", "--from FILE --identity FILE | --passphrase -",
		`Makes a site in a new directory (--dir) of a backup, and begins a new epoch: readers that know of
later changes come back to what the backup says. What was changed since the backup is lost: users,
readers that were added or removed, and the controller's copy of what readers have dropped meanwhile.
A restore that is killed leaves .latchkey-restore-… beside the directory, the site in the clear; the next
one there removes it.`)
	from := o.String("from", "", "the backup's `file`")
	identity := o.String("identity", "", "the age identity `file` of a recipient, as age-keygen writes it")
	phrase := passphraseFlag(o)
	if _, err := o.parse(args, 0, "from"); err != nil {
		return err
	}
	if err := checkPassphraseFlag(o, *phrase); err != nil {
		return err
	}
	if (*phrase != "") == (*identity != "") {
		return usagef("%s needs --identity or --passphrase -: what opens the backup; see %[1]s --help", o.Name())
	}
	if err := backup.Free(o.dir); err != nil {
		return err
	}
	with, err := identities(ctx, c, *identity)
	if err != nil {
		return err
	}
	restored, err := site.Restore(ctx, clock.Read(), *from, with, o.dir)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]any{"site": restored.Name, "controller": restored.Controller, "epoch": restored.Epoch, "doubt": restored.Doubt})
	}
	if restored.Doubt != "" {
		fmt.Fprintf(c.err, "latchkey-controller restore: %s; put it right before this site is served\n", restored.Doubt)
	}
	_, err = fmt.Fprintf(c.out, `%s is restored from %s; epoch %d begins.

site        %s
controller  %s
            init and the console's settings showed the same of your site. If not, this is another one:
            anybody can encrypt to a recipient.

Look at what has changed since the backup: who was removed then may come in again, readers that
were removed are let in again, and who was added is unknown. Then: latchkey-controller serve --dir %[1]s
`, o.dir, *from, restored.Epoch, restored.Name, restored.Controller)
	return err
}

// identities are those of a file, or a passphrase that is asked for.
func identities(ctx context.Context, c console, file string) (backup.Identities, error) {
	if file == "" {
		phrase, err := ask(ctx, c, "passphrase", maxPassphraseLine, "Passphrase: ")
		if err != nil {
			return backup.Identities{}, err
		}
		defer clear(phrase)
		return backup.ByPassphrase(phrase)
	}
	f, err := os.Open(file)
	if err != nil {
		return backup.Identities{}, err
	}
	defer f.Close()
	with, err := backup.ReadIdentities(f)
	if err != nil {
		return backup.Identities{}, fmt.Errorf("identity file %s: %w", file, err)
	}
	return with, nil
}
