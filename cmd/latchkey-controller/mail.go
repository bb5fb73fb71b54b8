package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// mailPasswordLine bounds the line that holds the password for a mail server, in bytes.
const mailPasswordLine = 1024

func mailCommand(c *invocation) action {
	c.details = "set changes what it names and keeps the rest; the first time it needs --host, --from and --to. The password is\nasked for, or read from standard input, when --user is given. Notices, all but duress unless --notice says which:\n"
	for _, n := range desk.Notices() {
		c.details += fmt.Sprintf("\n  %-8s %s", n, n.Title())
	}
	host := c.String("host", "", "the mail server's `name`")
	port := c.Int("port", 0, "its `port`; 465 for tls, 587 for starttls, 25 for none")
	security := c.oneOf("security", "how the connection is protected: `tls` from the beginning, starttls, or none, for a server on this machine", string(desk.MailTLS), string(desk.MailSTARTTLS), string(desk.MailPlain))
	user := c.String("user", "", "the `user` for whom a password is given; none: nobody")
	from := c.String("from", "", "the `address` from which mails come")
	var to []string
	c.Func("to", "an `address` to which they go; may be repeated", func(text string) error {
		to = append(to, text)
		return nil
	})
	var notices []desk.Notice
	c.Func("notice", "of what they tell, a `notice`; may be repeated", func(text string) error {
		if !slices.Contains(desk.Notices(), desk.Notice(text)) {
			return errors.New("there is none of this name")
		}
		notices = append(notices, desk.Notice(text))
		return nil
	})
	names := c.oneOf("names", "whether mails name persons: `yes` or no", "yes", "no")
	c.check = func(args []string) error {
		given := *host+*security+*user+*from+*names != "" || *port != 0 || len(to)+len(notices) > 0
		switch set := args[0] == "set"; {
		case given && !set:
			return c.wrongUse("only set takes flags about mail")
		case set && !given:
			return c.wrongUse("set needs a flag that says what")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		switch args[0] {
		case "test":
			if err := c.desk.TestMail(ctx, c.actor); err != nil {
				return err
			}
			return c.report(map[string]bool{"sent": true}, "the mail server has taken a mail\n")
		case "off":
			if err := c.desk.RemoveMail(ctx, c.actor); err != nil {
				return err
			}
			return c.report(map[string]bool{"on": false}, "nobody is told by e-mail\n")
		}
		s, err := c.desk.Mail(ctx, c.actor)
		if err != nil {
			return err
		}
		if args[0] == "set" {
			for flag, into := range map[*string]*string{host: &s.Host, user: &s.User, from: &s.Sender} {
				if *flag != "" {
					*into = *flag
				}
			}
			if *user == "none" {
				s.User = ""
			}
			if *security != "" {
				s.Security = desk.MailSecurity(*security)
				s.Port = map[desk.MailSecurity]int{desk.MailTLS: 465, desk.MailSTARTTLS: 587, desk.MailPlain: 25}[s.Security]
			}
			if *port != 0 {
				s.Port = *port
			}
			if len(to) > 0 {
				s.Recipients = to
			}
			if len(notices) > 0 {
				s.Notices = notices
			}
			if *names != "" {
				s.Names = *names == "yes"
			}
			var password []byte
			if *user != "" && *user != "none" {
				if password, err = askSecret(ctx, c, "the password", mailPasswordLine, "Password of "+*user+" at the mail server: "); err != nil {
					return err
				}
				defer clear(password)
			}
			if err := c.desk.SetMail(ctx, c.actor, s.Revision, s, password); err != nil {
				return err
			}
			if s, err = c.desk.Mail(ctx, c.actor); err != nil {
				return err
			}
		}
		return showMail(ctx, c, s)
	}
}

// A mailRow is how people are told by e-mail, as JSON.
type mailRow struct {
	On       bool          `json:"on"`
	Host     string        `json:"host"`
	Port     int           `json:"port"`
	Security string        `json:"security"`
	User     string        `json:"user"`
	From     string        `json:"from"`
	To       []string      `json:"to"`
	Notices  []desk.Notice `json:"notices"`
	Names    bool          `json:"names"`
	Sent     *time.Time    `json:"sent"`    // the last mail; null: none yet
	Failing  *time.Time    `json:"failing"` // since when mails cannot be sent; null: they can
	Problem  string        `json:"problem"`
}

func showMail(ctx context.Context, c *invocation, s *desk.MailSettings) error {
	if s.Revision == 0 {
		return c.report(mailRow{To: []string{}, Notices: []desk.Notice{}}, "nobody is told by e-mail\n")
	}
	in, err := c.desk.Zone(ctx)
	if err != nil {
		return err
	}
	optional := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.In(in)
		return &t
	}
	row := mailRow{true, s.Host, s.Port, string(s.Security), s.User, s.Sender, s.Recipients, s.Notices, s.Names, optional(s.Sent), optional(s.Failing), s.Problem}
	var told []string
	for _, n := range s.Notices {
		told = append(told, string(n))
	}
	state := "no mail was sent yet"
	if !s.Sent.IsZero() {
		state = "the last mail was sent on " + desk.Moment(s.Sent, in)
	}
	if !s.Failing.IsZero() {
		state += "\nmails cannot be sent since " + desk.Moment(s.Failing, in) + ": " + s.Problem + "; what they say is told later"
	}
	named := "without names of persons"
	if s.Names {
		named = "with names of persons"
	}
	return c.report(row, "mails go from %s to %s\nby %s, port %d, %s\nthey tell of %s, %s\n%s\n", s.Sender, strings.Join(s.Recipients, ", "), s.Host, s.Port, securityText(s), strings.Join(told, ", "), named, state)
}

// securityText says how the connection to the mail server is protected.
func securityText(s *desk.MailSettings) string {
	text := map[desk.MailSecurity]string{desk.MailTLS: "TLS", desk.MailSTARTTLS: "STARTTLS", desk.MailPlain: "on this machine, without protection"}[s.Security]
	if s.User != "" {
		text += ", as " + s.User
	}
	return text
}
