// Package mail tells people by e-mail of what has happened.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/wneessen/go-mail"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// sendFor is how long it may take to hand a mail to the server.
const sendFor = 30 * time.Second

// maxAnswers is how much a mail server may say for one mail, in bytes on the wire.
const maxAnswers = 256 << 10

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
	secure := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	var to dialer
	options := []mail.Option{mail.WithPort(s.Port), mail.WithTimeout(sendFor), mail.WithTLSConfig(secure)}
	switch s.Security {
	case desk.MailTLS:
		to.secure = secure
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic)) // the dialer has secured it already
	case desk.MailSTARTTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if s.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.User), mail.WithPassword(string(password)))
	}
	client, err := mail.NewClient(s.Host, append(options, mail.WithDialContextFunc(to.dial))...)
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

// A dialer connects to a mail server that is heard for so long only.
type dialer struct{ secure *tls.Config } // nil: without TLS, at first

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn = &bounded{Conn: conn, left: maxAnswers}
	if d.secure == nil {
		return conn, nil
	}
	secured := tls.Client(conn, d.secure)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

var errTooMuch = errors.New("it says too much")

// A bounded connection is read up to a number of bytes: the lines of a mail server have no
// bound otherwise.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
