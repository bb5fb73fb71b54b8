// Package desk is all that administrators see and do, for the console, the control
// socket and the command line. An act checks the right, runs, and is audited with who
// did what to whom, in one transaction.
//
// Texts for people are in English and ready for display. The caller chooses the time
// zone.
package desk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Live is the running link to the readers; *link.Link implements it.
type Live interface {
	// Order sends an order to a reader and waits for the outcome. card receives the
	// UID of an enrolled card, which is wiped when card returns.
	Order(ctx context.Context, o store.Order, card func(uid []byte) (text string, ok bool)) (link.OrderResult, error)
	// Personalise has a reader write keys to a card and waits for the outcome. keys
	// receives the card, which is wiped when keys returns; an error declines it.
	Personalise(ctx context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error)
	// Readers and Brokers return what is known. With an UnheardError that is of some cells only.
	Readers(ctx context.Context) ([]link.ReaderStatus, error)
	Brokers(ctx context.Context) ([]link.BrokerStatus, error)
}

// Options configure a Desk.
type Options struct {
	Site  *site.Site
	Live  Live                 // nil: no controller runs in this process
	Clock func() clock.Reading // nil: clock.Read
	Log   *slog.Logger         // nil: none
	Mail  Mailer               // nil: no mail can be sent

	Cell     int64    // that Live serves; 0: the home cell
	Embedded bool     // Live is connected to the controller's own broker
	Here     []string // names and addresses of this machine, by which readers may know a broker on it

	PasswordMemory uint32 // of password derivation, KiB; 0: as much as is safe. Tests need no strength
}

// A Mailer sends a letter by the mail server of the settings, with the password for its user.
type Mailer = func(ctx context.Context, s *MailSettings, password []byte, l Letter) error

// A Desk is where administrators act. It is safe for concurrent use.
type Desk struct {
	site *site.Site
	live Live
	read func() clock.Reading
	log  *slog.Logger
	mail Mailer

	cell     int64 // of this process
	embedded bool
	here     []string

	doubted        bool // the clock was in doubt in the last round of Maintain
	before         cellsBefore
	passkeys       passkeys
	providers      providers
	enrolments     enrolments
	keyings        keyings
	drawn          drawnPINs
	underWay       bundlesUnderWay
	memory         uint32        // of password derivation, KiB
	hashing        chan struct{} // limits concurrent password derivations
	unknownClients chan struct{} // limits clients that wait for it from unknown browsers
}

// New returns a site's desk.
func New(o Options) *Desk {
	d := &Desk{site: o.Site, live: o.Live, read: o.Clock, log: o.Log, mail: o.Mail, cell: cmp.Or(o.Cell, store.HomeCell), embedded: o.Embedded, here: o.Here, memory: cmp.Or(o.PasswordMemory, passwordMemory), hashing: make(chan struct{}, 2), unknownClients: make(chan struct{}, 16)}
	if d.read == nil {
		d.read = clock.Read
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d
}

// Site returns the site's name, and the fingerprint of the controller's signing key,
// as shown by latchkeyd adopt.
func (d *Desk) Site() (name, fingerprint string) { return d.site.Name, d.site.Fingerprint() }

// Authority returns the certificate of the site's authority, which is no secret.
func (d *Desk) Authority() *x509.Certificate { return d.site.Authority() }

// CertificateFingerprint returns the SHA-256 of a certificate, DER, as browsers show it: AB:CD:…
func CertificateFingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// Database says where the site's database is: "PostgreSQL, home at db.example:5432", or "SQLite, " and
// its file.
func (d *Desk) Database() string { return d.site.Database() }

// SiteID returns the site's id, which stays when the site is restored.
func (d *Desk) SiteID() wire.SiteID { return d.site.ID }

// A FullError says that the controller's disk is full, and where.
type FullError = store.FullError

// An UnavailableError says that the database cannot be used now, and that nothing was done.
type UnavailableError = store.UnavailableError

// Outage returns what is the matter with the database itself, if an error is of that; "" otherwise. serve logs it once.
func Outage(err error) string { return store.Outage(err) }

// An UnsureError says that the database went away while it stored something: it may be done or not.
type UnsureError = store.UnsureError

// Full returns a FullError if the disk is full. Then administrators' acts use
// reserved space, and readers keep their records.
func (d *Desk) Full() error { return d.site.Full() }
