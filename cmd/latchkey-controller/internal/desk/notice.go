package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Notice is something of which people can be told by e-mail. Its text is stored.
type Notice string

// The notices.
const (
	NoticeLockout Notice = "lockout"
	NoticeForced  Notice = "forced"
	NoticeHeld    Notice = "held"
	NoticeTamper  Notice = "tamper"
	NoticeOffline Notice = "offline"
	NoticeCopy    Notice = "copy"
	NoticeDuress  Notice = "duress"
	NoticeBudget  Notice = "budget"
	NoticeDisk    Notice = "disk"
	NoticeLead    Notice = "lead"
)

// Notices returns all notices.
func Notices() []Notice {
	return []Notice{NoticeLockout, NoticeForced, NoticeHeld, NoticeTamper, NoticeOffline, NoticeCopy, NoticeDuress, NoticeBudget, NoticeDisk, NoticeLead}
}

// Title says what a notice tells of.
func (n Notice) Title() *language.Sentence {
	return map[Notice]*language.Sentence{
		NoticeLockout: language.Say("PIN entry is locked out"),
		NoticeForced:  language.Say("A door is forced open"),
		NoticeHeld:    language.Say("A door is held open"),
		NoticeTamper:  language.Say("A reader's housing is opened"),
		NoticeOffline: language.Say("A reader is offline for a minute, and back"),
		NoticeCopy:    language.Say("A copy of a card is shown"),
		NoticeDuress:  language.Say("A PIN for duress is entered"),
		NoticeBudget:  language.Say("A reader's TPM has few PINs left, or its count is wrong"),
		NoticeDisk:    language.Say("The controller's disk is full"),
		NoticeLead:    language.Say("A controller fails, and another one takes over"),
	}[n]
}

// told are the events of which notices tell, and what they say without the names of persons;
// %s is the door, if they are about one.
var told = map[string]struct {
	notice Notice
	says   string
}{
	string(wire.LockoutStarted):  {NoticeLockout, "PIN entry at %s is locked out"},
	string(wire.DoorForced):      {NoticeForced, "%s was forced open"},
	string(wire.DoorHeld):        {NoticeHeld, "%s is held open"},
	string(wire.TamperStarted):   {NoticeTamper, "the housing of the reader at %s was opened"},
	store.ReaderOffline:          {NoticeOffline, "the reader at %s is offline"},
	store.ReaderOnline:           {NoticeOffline, "the reader at %s is back"},
	store.CardCopied:             {NoticeCopy, "a copy of a card was shown at %s"},
	string(wire.Duress):          {NoticeDuress, "a PIN for duress was entered at %s"},
	string(wire.BudgetSpent):     {NoticeBudget, "the TPM at %s checks no more PINs"},
	string(wire.BudgetOverspent): {NoticeBudget, "the TPM at %s has checked PINs that the reader knows nothing of"},
	store.BudgetRefused:          {NoticeBudget, "the TPM at %s has got no more PINs for today"},
	store.BudgetAgain:            {NoticeBudget, "the TPM at %s has got another first budget"},
	store.LeadTakenOver:          {NoticeLead, "a controller has failed, and another one leads the site in its place"},
	store.BudgetUnrecorded:       {NoticeBudget, "the TPM at %s has checked more PINs than its records show"},
}

// fewPINs is how many PINs a reader's TPM may have left before that is told.
const fewPINs = 50

// noticesEach is how many events one mail tells of by themselves.
const noticesEach = 50

// A NoticeLine is one thing to tell.
type NoticeLine struct {
	At   time.Time
	Text string
}

// NoticesDue is what has to be told by e-mail.
type NoticesDue struct {
	Mail   *MailSettings
	Lines  []NoticeLine
	More   int       // events besides those of Lines
	Cursor int64     // after these events
	Full   bool      // the disk is full, and that is wanted
	Sent   time.Time // the last mail; zero: none yet
	Zone   *time.Location
}

// NoticesDue returns what has to be told by e-mail: of events after a cursor, or after the
// stored one, if that is newer. It returns nil if nobody is told by e-mail.
func (d *Desk) NoticesDue(ctx context.Context, after int64) (due *NoticesDue, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		m, err := tx.Mail()
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		due = &NoticesDue{Mail: mailSettings(m), Sent: momentMilli(m.Sent)}
		if due.Zone, err = siteZone(tx); err != nil {
			return err
		}
		if due.Cursor, _, err = tx.Newest(); err != nil {
			return err
		}
		var kinds []string
		for kind, t := range told {
			if slices.Contains(due.Mail.Notices, t.notice) {
				kinds = append(kinds, kind)
			}
		}
		rows, n, err := tx.Notices(max(after, m.Cursor), kinds, noticesEach)
		if err != nil {
			return err
		}
		due.More = n - len(rows)
		happened, err := events(tx, rows)
		for _, e := range happened {
			line := NoticeLine{e.At, Sentence(strings.Replace(told[e.Kind].says, "%s", e.Door, 1))}
			if m.Names {
				line.Text = e.Text.String()
			}
			due.Lines = append(due.Lines, line)
		}
		return err
	})
	if err != nil || due == nil {
		return nil, err
	}
	due.Full = slices.Contains(due.Mail.Notices, NoticeDisk) && d.Full() != nil
	return due, nil
}

// LowBudgets returns the doors at which a reader's TPM has few PINs left.
func (d *Desk) LowBudgets(ctx context.Context) (doors []string, err error) {
	readers, _, err := d.readers(ctx, Actor{Role: Owner})
	for _, r := range readers {
		if r.Budget != nil && r.Removed == "" && r.Budget.Left < fewPINs {
			doors = append(doors, r.Door)
		}
	}
	return doors, err
}

// NoticesSent notes that what is due up to a cursor was sent by e-mail.
func (d *Desk) NoticesSent(ctx context.Context, cursor int64) error {
	return d.editMail(ctx, func(m *store.Mail, now time.Time) {
		m.Cursor, m.Sent, m.Failed, m.Problem = max(m.Cursor, cursor), now.UnixMilli(), 0, ""
	})
}

// NoticesFailed notes why a mail could not be sent. It stays due.
func (d *Desk) NoticesFailed(ctx context.Context, why error) error {
	return d.editMail(ctx, func(m *store.Mail, now time.Time) {
		if m.Problem = cut(Clean(why.Error()), maxAuditText); m.Failed == 0 {
			m.Failed = now.UnixMilli()
		}
	})
}

// editMail changes how it goes with e-mail; nothing if nobody is told by it any more.
func (d *Desk) editMail(ctx context.Context, edit func(*store.Mail, time.Time)) error {
	return d.site.Update(ctx, func(tx *store.Tx) error {
		m, err := tx.Mail()
		if err != nil {
			return ignoreNotFound(err)
		}
		edit(m, d.now())
		return tx.SetMail(m)
	})
}

// momentMilli returns a time in Unix milliseconds; 0: the zero time.
func momentMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
