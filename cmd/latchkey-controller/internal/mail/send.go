// Package mail tells people by e-mail of what has happened.
package mail

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/wneessen/go-mail"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// sendFor is how long it may take to hand a mail to the server.
const sendFor = 30 * time.Second

// Send hands a letter to the mail server of the settings. It is a desk.Mailer.
func Send(ctx context.Context, s *desk.MailSettings, password []byte, l desk.Letter) error {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := m.From(s.Sender); err != nil {
		return err
	}
	if err := m.To(s.Recipients...); err != nil {
		return err
	}
	m.Subject(l.Subject)
	m.SetDate()
	m.SetMessageID()
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody answers it
	m.SetBodyString(mail.TypeTextPlain, l.Body)
	options := []mail.Option{mail.WithPort(s.Port), mail.WithTimeout(sendFor), mail.WithTLSConfig(&tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12})}
	switch s.Security {
	case desk.MailTLS:
		options = append(options, mail.WithSSL())
	case desk.MailSTARTTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if s.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.User), mail.WithPassword(string(password)))
	}
	client, err := mail.NewClient(s.Host, options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendFor)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		return fmt.Errorf("the mail server at %s did not take the mail: %w", s.Host, err)
	}
	return nil
}
