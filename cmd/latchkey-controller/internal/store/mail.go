package store

import "strings"

// A Mail says how people are told by e-mail, and how that goes.
type Mail struct {
	Host       string
	Port       uint16
	Security   string // tls, starttls or none
	User       string // "": it is not asked for
	Password   []byte // sealed; empty: none
	Sender     string
	Recipients []string
	Notices    []string // of what
	Names      bool     // with the names of persons
	Revision   int64    // how often it was changed, from 1

	Cursor  int64  // the newest event of which nobody has to be told any more
	Sent    int64  // the last mail, Unix milliseconds; 0: none yet
	Failed  int64  // since when mails cannot be sent, Unix milliseconds; 0: they can
	Problem string // why they cannot
}

// Mail returns how people are told by e-mail, or ErrNotFound if nobody is.
func (t *Tx) Mail() (*Mail, error) {
	var m Mail
	var recipients, notices string
	err := t.row(`SELECT host, port, security, "user", password, sender, recipients, notices, names, revision, cursor, sent, failed, problem FROM mail`, nil,
		&m.Host, &m.Port, &m.Security, &m.User, &m.Password, &m.Sender, &recipients, &notices, &m.Names, &m.Revision, &m.Cursor, &m.Sent, &m.Failed, &m.Problem)
	m.Recipients, m.Notices = strings.Fields(recipients), strings.Fields(notices)
	return &m, err
}

// SetMail replaces how people are told by e-mail, and how that goes.
func (t *Tx) SetMail(m *Mail) error {
	return t.exec(`INSERT INTO mail (one, host, port, security, "user", password, sender, recipients, notices, names, revision, cursor, sent, failed, problem) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (one) DO UPDATE SET host = excluded.host, port = excluded.port, security = excluded.security, "user" = excluded."user", password = excluded.password,
			sender = excluded.sender, recipients = excluded.recipients, notices = excluded.notices, names = excluded.names, revision = excluded.revision,
			cursor = excluded.cursor, sent = excluded.sent, failed = excluded.failed, problem = excluded.problem`,
		m.Host, m.Port, m.Security, m.User, append([]byte{}, m.Password...), m.Sender, strings.Join(m.Recipients, " "), strings.Join(m.Notices, " "), m.Names, m.Revision, m.Cursor, m.Sent, m.Failed, m.Problem)
}

// RemoveMail has nobody be told by e-mail.
func (t *Tx) RemoveMail() error { return t.exec(`DELETE FROM mail`) }

// SkipNotices has nobody be told by e-mail of what has happened so far, after a restore.
func (t *Tx) SkipNotices() error {
	return t.exec(`UPDATE mail SET cursor = (SELECT coalesce(max(id), 0) FROM activity), failed = 0, problem = ''`)
}
