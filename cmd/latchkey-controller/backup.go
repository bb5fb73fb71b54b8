package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/backup"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// maxRecipients bounds a file of recipients, in bytes.
const maxRecipients = 64 << 10

func backUp(c *invocation) action {
	c.details = `It is one new file, encrypted with age (age-encryption.org); a controller may be running. It holds all
that the site has: the signing key, the storage key and with it every PIN and card, users, readers and
what has happened. Whoever can open it has the site. Without the passphrase, or the identity of a
recipient, nobody can open it, not even you: keep that apart from both the site and its backup. A backup
that is cut short leaves nothing behind, except on file systems that have no files without a name, such
as FAT and NFS: there it may leave .latchkey-backup-…, encrypted, which the next backup there removes.
The backup of a site in PostgreSQL is the same file, and can be restored without PostgreSQL. While it is
made, the site's directory needs room for a copy of the database.`
	out := c.String("out", "", "the new `file`, like home.tar.age")
	var form desk.BackupForm
	c.Func("recipient", "an age `recipient`, age1…, whose identity opens the backup; may be repeated", func(text string) error {
		form.Recipients += text + "\n"
		return nil
	})
	c.Func("recipients-file", "a `file` with age recipients, one a line", func(path string) error {
		b, err := readFile(path, maxRecipients)
		form.Recipients += string(b) + "\n"
		return err
	})
	phrase := passphraseFlag(c)
	c.check = func([]string) error {
		if (*phrase != "") == (form.Recipients != "") {
			return c.wrongUse("needs --recipient, --recipients-file or --passphrase -, and not both kinds: nobody else opens the backup")
		}
		return checkPassphraseFlag(c, *phrase)
	}
	return func(ctx context.Context, _ []string) error {
		if err := backup.Free(*out); err != nil {
			return err
		}
		if *phrase != "" {
			var err error
			if form.Passphrase, err = askSecret(ctx, c, "passphrase", maxPassphraseLine, "Passphrase: ", "once more:  "); err != nil {
				return err
			}
			defer clear(form.Passphrase)
		}
		if err := c.desk.BackupTo(ctx, c.actor, &form, *out); err != nil {
			return err
		}
		return c.report(map[string]string{"backup": *out}, "site %s is in %s, encrypted\n", c.site.Name, *out)
	}
}

// passphraseFlag is "-" if a passphrase is wanted, and "" if not.
func passphraseFlag(c *invocation) *string {
	return c.String("passphrase", "", "`-`: a passphrase, which is asked for, or read from standard input")
}

// checkPassphraseFlag refuses what may be a passphrase itself, and does not
// repeat it.
func checkPassphraseFlag(c *invocation, given string) error {
	if given != "" && given != "-" {
		return c.wrongUse("--passphrase is -: others could read a passphrase in an argument")
	}
	return nil
}

func restore(c *invocation) action {
	c.details = `DIR is a new directory. A new epoch begins: readers that know of later changes return to what the
backup says. What was changed since the backup is lost: users, readers that were added or removed, and
the controller's copy of what readers have dropped meanwhile. A card that got new keys since the backup
is taken for a copy until it gets new keys again. Modes that hold doors open, unlocked and evacuation,
end; locked and lockdown stay wanted if they were. A restore that is killed may leave
.latchkey-restore-… beside the directory, the site in the clear; the next restore there removes it.
With --database the site comes into PostgreSQL, wherever it was before; drop and create that database
again if a restore was killed and the next one says that the site is there already.`
	from := c.String("from", "", "the backup's `file`")
	database := c.String("database", "", "an empty database of a PostgreSQL server, as a `URL`; unless given SQLite's, in the directory")
	identity := c.String("identity", "", "the age identity `file` of a recipient, as age-keygen writes it")
	phrase := passphraseFlag(c)
	c.check = func([]string) error {
		if (*phrase != "") == (*identity != "") {
			return c.wrongUse("needs --identity or --passphrase -: what opens the backup")
		}
		return checkPassphraseFlag(c, *phrase)
	}
	return func(ctx context.Context, _ []string) error {
		if err := backup.Free(c.dir); err != nil {
			return err
		}
		with, err := identities(ctx, c, *identity)
		if err != nil {
			return err
		}
		restored, err := site.Restore(ctx, clock.Read(), *from, with, c.dir, *database)
		if err != nil {
			return err
		}
		if restored.Doubt != "" && !c.json {
			fmt.Fprintf(c.err, "latchkey-controller restore: %s; correct it before you serve this site\n", restored.Doubt)
		}
		return c.report(map[string]any{"site": restored.Name, "controller": restored.Controller, "epoch": restored.Epoch, "doubt": restored.Doubt, "ended": restored.Ended, "wanted": restored.Wanted},
			`%s is restored from %s; epoch %d begins.

site        %s
controller  %s
            init and the console's settings showed the same of your site. If not, this is another one:
            anybody can encrypt to a recipient.
modes       ended, because they held doors open: %s; still wanted: %s.
            A lockdown younger than the backup is not in it: look at the doors.

Look at what has changed since the backup: who was removed then may come in again, readers that
were removed are let in again, and who was added is unknown. Then: latchkey-controller serve --dir %[1]s
`, c.dir, *from, restored.Epoch, restored.Name, restored.Controller, countModes(restored.Ended), countModes(restored.Wanted))
	}
}

// countModes returns how many there are of each mode as text: "2 locked, 1 lockdown", or "none".
func countModes(count map[wire.Mode]int) string {
	var all []string
	for _, mode := range wire.Modes() {
		if n := count[mode]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, mode))
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// identities returns those in a file, or a passphrase that it asks for.
func identities(ctx context.Context, c *invocation, file string) (backup.Identities, error) {
	if file == "" {
		phrase, err := askSecret(ctx, c, "passphrase", maxPassphraseLine, "Passphrase: ")
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
