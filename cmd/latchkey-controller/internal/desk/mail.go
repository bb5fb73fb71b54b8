package desk

import (
	"context"
	"errors"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A MailSecurity is how the connection to a mail server is protected. Its text is stored.
type MailSecurity string

// The kinds of protection. Without any, the server must be on this machine.
const (
	MailTLS      MailSecurity = "tls"      // from the beginning (RFC 8314, section 3.3), port 465
	MailSTARTTLS MailSecurity = "starttls" // or not at all (RFC 3207), port 587
	MailPlain    MailSecurity = "none"
)

// MailSettings say how people are told by e-mail. Their fields in errors are "host", "port",
// "security", "user", "mail-password", "sender", "recipients", "notices".
type MailSettings struct {
	Host       string
	Port       int
	Security   MailSecurity
	User       string // "": it is not asked for
	Sender     string // an address
	Recipients []string
	Notices    []Notice
	Names      bool // with the names of persons

	Password bool      // is set
	Revision int64     // how often they were changed; 0: there are none
	Sent     time.Time // the last mail; zero: none yet
	Failing  time.Time // since when mails cannot be sent; zero: they can
	Problem  string    // why they cannot
}

// maxRecipients bounds to how many people a mail goes.
const maxRecipients = 20

func mailSettings(m *store.Mail) *MailSettings {
	s := &MailSettings{
		Host: m.Host, Port: int(m.Port), Security: MailSecurity(m.Security), User: m.User, Sender: m.Sender, Recipients: m.Recipients, Names: m.Names,
		Password: len(m.Password) > 0, Revision: m.Revision, Sent: momentMilli(m.Sent), Failing: momentMilli(m.Failed), Problem: m.Problem,
	}
	for _, n := range m.Notices {
		s.Notices = append(s.Notices, Notice(n))
	}
	return s
}

// Mail returns how people are told by e-mail: an empty one if nobody is.
func (d *Desk) Mail(ctx context.Context, a Actor) (s *MailSettings, err error) {
	err = d.view(ctx, a, ViewMail, func(tx *store.Tx) error {
		m, err := tx.Mail()
		if errors.Is(err, store.ErrNotFound) {
			s = &MailSettings{Port: 465, Security: MailTLS}
			for _, n := range Notices() {
				if n != NoticeDuress { // whoever forces somebody may see its subject on a phone: it has to be chosen
					s.Notices = append(s.Notices, n)
				}
			}
			return nil
		}
		s = mailSettings(m)
		return err
	})
	return s, err
}

// row returns the settings as they are stored, or the errors in their fields.
func (s *MailSettings) row() (*store.Mail, FieldErrors) {
	var wrongs FieldErrors
	m := &store.Mail{Host: strings.TrimSpace(s.Host), Port: uint16(s.Port), Security: string(s.Security), User: s.User, Names: s.Names}
	switch {
	case m.Host == "":
		wrongs.add(wrong("host", "Enter the name of the mail server"))
	case len(m.Host) > 253 || strings.ContainsFunc(m.Host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/@\\", r) }):
		wrongs.add(wrong("host", "This is neither the name of a machine nor an address: enter one like mail.example.com"))
	}
	if s.Port < 1 || s.Port > 65535 {
		wrongs.add(wrong("port", "Choose 1 to 65535: 465 for TLS, 587 for STARTTLS"))
	}
	switch s.Security {
	case MailTLS, MailSTARTTLS:
	case MailPlain:
		if !loopbackHost(m.Host) {
			wrongs.add(wrong("security", "Without protection the mail server must be on this machine: localhost"))
		}
		if s.User != "" {
			wrongs.add(wrong("user", "A password is never sent without protection: choose TLS or STARTTLS, or leave the user empty"))
		}
	default:
		wrongs.add(wrong("security", "Choose TLS, STARTTLS or none"))
	}
	if len(s.User) > 255 || Clean(s.User) != s.User {
		wrongs.add(wrong("user", "This user name is too long, or has control characters: enter it as the mail server knows it"))
	}
	var err error
	if m.Sender, err = mailAddress(s.Sender); err != nil {
		wrongs.add(wrong("sender", "Enter the address from which the mails come, like doors@example.com"))
	}
	for _, text := range s.Recipients {
		to, err := mailAddress(text)
		if err != nil {
			wrongs.add(wrong("recipients", "%s is not an email address: enter one like ada@example.com", language.Quoted(text, 100)))
			continue
		}
		m.Recipients = append(m.Recipients, to)
	}
	switch n := len(m.Recipients); {
	case n == 0 && len(s.Recipients) == 0:
		wrongs.add(wrong("recipients", "Enter the addresses to which the mails go, like ada@example.com"))
	case n > maxRecipients:
		wrongs.add(wrong("recipients", "Enter at most %d addresses: a list of the mail server can have more", maxRecipients))
	}
	for _, n := range Notices() {
		if slices.Contains(s.Notices, n) {
			m.Notices = append(m.Notices, string(n))
		}
	}
	for _, n := range s.Notices {
		if !slices.Contains(Notices(), n) {
			wrongs.add(wrong("notices", "There is no notice %s: choose some of those that are listed", language.Quoted(string(n), 20)))
		}
	}
	if len(m.Notices) == 0 {
		wrongs.add(wrong("notices", "Choose at least one thing that people are told of"))
	}
	return m, wrongs
}

// mailAddress reads an address without a name: nothing in it needs quotes.
func mailAddress(text string) (string, error) {
	text = strings.TrimSpace(text)
	a, err := mail.ParseAddress(text)
	if err != nil {
		return "", err
	}
	if a.Address != text || a.Name != "" || len(text) > 254 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`"(),:;<>[\]`, r) }) {
		return "", language.Say("it is more than an address")
	}
	return text, nil
}

// loopbackHost says whether a host is this machine for sure.
func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// text describes the settings in the audit.
func (s *MailSettings) text() *language.Sentence {
	var notices []string
	for _, n := range s.Notices {
		notices = append(notices, string(n))
	}
	to, what := strings.Join(s.Recipients, ", "), strings.Join(notices, ", ")
	if s.Names {
		return language.Say("from now to %s by %s: %s, with names of persons¦mails to addresses, a server, of what", to, s.Host, what)
	}
	return language.Say("from now to %s by %s: %s¦mails to addresses, a server, of what", to, s.Host, what)
}

// SetMail changes how people are told by e-mail, of what happens from now on if nobody was
// before. was is the Revision of the settings that were edited. password is the one for the
// user; nil: it stays, if user and host do.
func (d *Desk) SetMail(ctx context.Context, a Actor, was int64, s *MailSettings, password []byte) error {
	target := &auditTarget{subject: d.site.Name}
	return d.act(ctx, a, EditMail, target, func(tx *store.Tx, _ time.Time) error {
		m, wrongs := s.row()
		before, err := tx.Mail()
		switch {
		case errors.Is(err, store.ErrNotFound):
			before = new(store.Mail)
			if before.Cursor, _, err = tx.Newest(); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		if was != before.Revision {
			return wrong("mail", "Somebody else has changed this meanwhile; check it again")
		}
		m.Revision, m.Cursor, m.Sent = before.Revision+1, before.Cursor, before.Sent
		switch {
		case len(password) > maxMailPassword:
			wrongs.add(wrong("mail-password", "The password is too long: at most %d bytes are possible", maxMailPassword))
		case m.User == "":
		case len(password) > 0:
			m.Password = d.site.Seal(site.SealedMail, 0, password)
		case m.User == before.User && strings.EqualFold(m.Host, before.Host) && len(before.Password) > 0: // another host could be anybody's
			m.Password = before.Password
		default:
			wrongs.add(wrong("mail-password", "Enter the password of this user"))
		}
		if err := wrongs.err(); err != nil {
			return err
		}
		target.text = mailSettings(m).text()
		return tx.SetMail(m)
	})
}

// maxMailPassword is in bytes.
const maxMailPassword = 1024

// RemoveMail has nobody be told by e-mail any more.
func (d *Desk) RemoveMail(ctx context.Context, a Actor) error {
	target := &auditTarget{subject: d.site.Name, text: language.Say("off¦what is told by e-mail")}
	return d.act(ctx, a, EditMail, target, func(tx *store.Tx, _ time.Time) error { return tx.RemoveMail() })
}

// A Letter is a mail to all recipients.
type Letter struct{ Subject, Body string }

// TestMail sends a mail at once, to see whether the settings are right. Field: "host".
func (d *Desk) TestMail(ctx context.Context, a Actor) error {
	return d.actOutside(ctx, a, SendTestMail, &auditTarget{subject: d.site.Name}, func() (*language.Sentence, error) {
		var s *MailSettings
		err := d.site.View(ctx, func(tx *store.Tx) error {
			m, err := tx.Mail()
			if errors.Is(err, store.ErrNotFound) {
				return wrong("host", "Nobody is told by e-mail yet: save the settings first")
			}
			if err == nil {
				s = mailSettings(m)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		err = d.SendMail(ctx, s, Letter{"Latchkey " + d.site.Name + ": a test", "This mail is a test. It says that mails about " + d.site.Name + " arrive.\n"})
		if err != nil {
			return nil, wrongField("host", err)
		}
		return language.Say("to %s¦addresses", strings.Join(s.Recipients, ", ")), nil
	})
}

// SendMail sends a letter.
func (d *Desk) SendMail(ctx context.Context, s *MailSettings, l Letter) error {
	password, err := d.mailPassword(ctx)
	if err != nil {
		return err
	}
	defer clear(password)
	return d.mail(ctx, s, password, l)
}

// mailPassword returns the password for the mail server, which the caller wipes; nil: none.
func (d *Desk) mailPassword(ctx context.Context) (password []byte, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		m, err := tx.Mail()
		if err != nil || len(m.Password) == 0 {
			return err
		}
		password, err = d.site.Unseal(site.SealedMail, 0, m.Password)
		return err
	})
	return password, err
}
