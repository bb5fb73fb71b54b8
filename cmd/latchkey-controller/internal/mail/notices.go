package mail

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// When mails are sent.
const (
	gather = 2 * time.Second // what happens together is told together
	apart  = time.Minute     // the least time between two mails
)

// waits are how long nothing is sent after the first failure, the second and so on; the last
// one repeats.
var waits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// A teller tells people of what has happened. What is due and cannot be sent stays due: it
// is told with what comes after it, in one mail.
//
//	nothing due --something is--> gathers --2 s, and a minute after the last mail--> sends
//	     ^                                                                           | |
//	     +--------------------------------taken--------------------------------------+ |
//	                   gathers <--after a wait that grows------------refused-----------+
type teller struct {
	desk *desk.Desk
	log  *slog.Logger
	now  func() time.Time
	site string

	cursor  int64     // what was told, even if that could not be noted
	looked  time.Time // at budgets
	low     []string  // doors at which they are low
	told    []string  // doors of which that was told
	full    bool      // that the disk is full was told
	due     time.Time // when the mail goes; zero: nothing is due
	failed  int       // times in a row
	problem string
}

// Run tells people by e-mail until ctx ends.
func Run(ctx context.Context, d *desk.Desk, log *slog.Logger) error {
	name, _ := d.Site()
	t := &teller{desk: d, log: log, now: time.Now, site: name}
	changed := make(chan struct{}, 1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		d.Watch(ctx, func(desk.Change) {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	for {
		wait := t.step(ctx)
		select {
		case <-watched:
			return nil
		case <-changed:
			select { // much may change at once
			case <-ctx.Done():
			case <-time.After(min(wait, gather/2)):
			}
		case <-time.After(wait):
		}
	}
}

// step sends what is due now, and returns how long to wait unless something changes.
func (t *teller) step(ctx context.Context) time.Duration {
	due, err := t.desk.NoticesDue(ctx, t.cursor)
	if err != nil {
		if ctx.Err() == nil {
			t.complain("cannot read what is to be told by e-mail", err)
		}
		return apart
	}
	if due == nil {
		t.due, t.failed, t.cursor = time.Time{}, 0, 0
		return apart
	}
	now := t.now()
	if !slices.Contains(due.Mail.Notices, desk.NoticeBudget) {
		t.low = nil
	} else if now.Sub(t.looked) >= apart {
		if t.low, err = t.desk.LowBudgets(ctx); err != nil && ctx.Err() == nil {
			t.complain("cannot read how many PINs TPMs have left", err)
		}
		t.looked = now
	}
	t.told = slices.DeleteFunc(t.told, func(door string) bool { return !slices.Contains(t.low, door) }) // renewed
	t.full = t.full && due.Full
	l := t.letter(due)
	if l == nil {
		t.due, t.cursor = time.Time{}, due.Cursor
		return apart
	}
	if t.due.IsZero() {
		t.due = now.Add(gather)
		if again := due.Sent.Add(apart); again.After(t.due) && due.Sent.Before(now) {
			t.due = again
		}
	}
	if now.Before(t.due) {
		return t.due.Sub(now)
	}
	if err := t.desk.SendMail(ctx, due.Mail, *l); err != nil {
		if ctx.Err() != nil {
			return 0
		}
		wait := waits[min(t.failed, len(waits)-1)]
		t.failed++
		t.due = now.Add(wait)
		t.complain("cannot send a mail; what it says is told later", err)
		if err := t.desk.NoticesFailed(ctx, err); err != nil {
			t.complain("cannot note that mails are not sent", err)
		}
		return wait
	}
	t.due, t.failed, t.problem, t.cursor, t.told, t.full = now.Add(apart), 0, "", due.Cursor, slices.Clone(t.low), due.Full
	if err := t.desk.NoticesSent(ctx, due.Cursor); err != nil {
		t.complain("cannot note that a mail was sent", err)
	}
	return apart
}

// complain logs a problem, once as long as it is the same. That the database is away is logged elsewhere.
func (t *teller) complain(what string, err error) {
	if text := what + err.Error(); text != t.problem && desk.Outage(err) == "" {
		t.problem = text
		t.log.Error(what, "err", err)
	}
}

// letter returns what is to be told; nil: nothing is.
func (t *teller) letter(due *desk.NoticesDue) *desk.Letter {
	var lines []string
	first := ""
	add := func(at time.Time, text string) {
		first = cmp.Or(first, text)
		lines = append(lines, desk.Moment(at, due.Zone)+"  "+text)
	}
	for _, line := range due.Lines {
		add(line.At, line.Text)
	}
	for _, door := range t.low {
		if !slices.Contains(t.told, door) {
			add(t.now(), "The TPM of the reader at "+door+" has few PINs left: look at the reader's page")
		}
	}
	if due.Full && !t.full {
		add(t.now(), "The controller's disk is full: readers keep their records until there is room")
	}
	if len(lines) == 0 {
		return nil
	}
	l := &desk.Letter{Subject: fmt.Sprintf("Latchkey %s: %s", t.site, first)}
	if n := len(lines) + due.More; n > 1 {
		l.Subject = fmt.Sprintf("Latchkey %s: %d notices", t.site, n)
	}
	if due.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more, which the activity in the console shows", due.More))
	}
	l.Body = strings.Join(lines, "\n") + "\n\nTimes are in " + due.Zone.String() + ". An Owner chooses under Settings, Notifications, of what mails tell, and whom.\n"
	return l
}
