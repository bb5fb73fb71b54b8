package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// A world is a site whose mails a test takes or refuses, and whose time it moves.
type world struct {
	t       *testing.T
	site    *site.Site
	teller  *teller
	time    time.Time
	refuse  error // what the mail server says; nil: it takes mails
	letters []desk.Letter
	n       byte
}

var root = desk.AtCommandLine("root")

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, time: time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)}
	at := func() clock.Reading {
		return clock.Reading{Wall: w.time, Boot: "one", Since: w.time.Sub(time.Unix(1_700_000_000, 0))}
	}
	var err error
	w.site, err = site.Create(t.Context(), filepath.Join(t.TempDir(), "site"), postgrestest.Address(t), "home", "UTC", at())
	w.must(err)
	t.Cleanup(func() { w.site.Close() })
	send := func(_ context.Context, _ *desk.MailSettings, password []byte, l desk.Letter) error {
		if string(password) != "a password" {
			t.Errorf("the password is %q", password)
		}
		if w.refuse == nil {
			w.letters = append(w.letters, l)
		}
		return w.refuse
	}
	d := desk.New(desk.Options{Site: w.site, Clock: at, Mail: send})
	w.teller = &teller{desk: d, log: slog.New(slog.NewTextHandler(t.Output(), nil)), now: func() time.Time { return w.time }, site: "home"}
	b := boardtest.New(t)
	_, err = d.Adopt(t.Context(), root, desk.AdoptForm{Reader: "front-door", Request: b.Signed, Fingerprint: b.Fingerprint(), Door: "Front door", Place: "Main building", Access: []wire.Access{{Group: wire.Everyone}}}, func([]byte) error { return nil })
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// settings are right.
func (w *world) settings() *desk.MailSettings {
	return &desk.MailSettings{Host: "mail.example.com", Port: 465, Security: desk.MailTLS, User: "doors", Sender: "doors@example.com", Recipients: []string{"ada@example.com"}, Notices: desk.Notices()}
}

// begin has people be told of what happens from now on.
func (w *world) begin(edit func(*desk.MailSettings)) {
	w.t.Helper()
	s, err := w.teller.desk.Mail(w.t.Context(), root)
	w.must(err)
	revision := s.Revision
	s = w.settings()
	edit(s)
	w.must(w.teller.desk.SetMail(w.t.Context(), root, revision, s, []byte("a password")))
}

// happens stores records of the reader.
func (w *world) happens(records ...*wire.Record) {
	w.t.Helper()
	w.n++
	m := &wire.Records{Reader: "front-door", Journal: wire.JournalID{w.n}, First: 1}
	var before wire.Hash
	for i, r := range records {
		r.Number, r.Before, r.Trusted, r.Time = uint64(i+1), before, true, w.time.UnixMilli()
		encoded := wire.Marshal(r)
		before = wire.Sum(encoded)
		m.Records = append(m.Records, encoded)
	}
	_, err := w.site.StoreRecords(w.t.Context(), clock.Reading{Wall: w.time, Boot: "one", Since: w.time.Sub(time.Unix(1_700_000_000, 0))}, []*wire.Records{m})
	w.must(err)
}

// pass lets time pass, in which the teller runs as it does.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := w.time.Add(d); w.time.Before(end); {
		wait := w.teller.step(w.t.Context())
		w.time = w.time.Add(min(max(wait, time.Second), end.Sub(w.time)))
	}
	w.teller.step(w.t.Context())
}

// sent returns the letters since the last call, subject and body.
func (w *world) sent() (all []string) {
	for _, l := range w.letters {
		all = append(all, l.Subject+"\n"+l.Body)
	}
	w.letters = nil
	return all
}

func lockout() *wire.Record {
	return &wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts}
}

func forced() *wire.Record { return &wire.Record{Kind: wire.DoorForced} }

func TestNobodyIsToldUnlessAnOwnerChoseIt(t *testing.T) {
	w := newWorld(t)
	w.happens(lockout())
	w.pass(time.Hour)
	w.begin(func(s *desk.MailSettings) { s.Notices = []desk.Notice{desk.NoticeForced} })
	w.pass(time.Hour) // nothing of before
	w.happens(lockout())
	w.pass(time.Hour)
	if sent := w.sent(); len(sent) != 0 {
		t.Errorf("%q", sent)
	}
	w.happens(forced())
	w.pass(3 * time.Second)
	if sent := w.sent(); len(sent) != 1 || !strings.HasPrefix(sent[0], "Latchkey home: Front door was forced open\n23 Nov 2026, 15:30  Front door was forced open\n\n") {
		t.Errorf("%q", sent)
	}
	w.must(w.teller.desk.RemoveMail(t.Context(), root))
	w.happens(forced())
	w.pass(time.Hour)
	if sent := w.sent(); len(sent) != 0 {
		t.Errorf("switched off: %q", sent)
	}
}

func TestManyEventsAreOneMailAMinute(t *testing.T) {
	w := newWorld(t)
	w.begin(func(*desk.MailSettings) {})
	w.happens(lockout())
	w.pass(3 * time.Second)
	for range 80 {
		w.happens(forced(), forced(), forced())
		w.pass(time.Second)
	}
	w.pass(2 * time.Minute)
	sent := w.sent()
	if len(sent) != 3 { // at once, after a minute, after the next
		t.Fatalf("%d mails", len(sent))
	}
	lines := 0
	for _, mail := range sent {
		lines += strings.Count(mail, ":")
		if len(mail) > 8<<10 {
			t.Errorf("a mail of %d bytes", len(mail))
		}
		if more := strings.Index(mail, "\nand "); strings.Contains(mail, "notices\n") && more > 0 {
			var n int
			if _, err := fmt.Sscanf(mail[more:], "\nand %d more", &n); err != nil || n < 1 {
				t.Error(mail)
			}
		}
	}
	var counted int
	for _, mail := range sent[1:] {
		var n int
		if _, err := fmt.Sscanf(mail, "Latchkey home: %d notices", &n); err != nil {
			t.Fatal(mail)
		}
		counted += n
	}
	if counted != 240 {
		t.Errorf("240 happened, and mails told of %d", counted)
	}
}

func TestWhatCannotBeSentIsToldLaterAndOnce(t *testing.T) {
	w := newWorld(t)
	w.happens(&wire.Record{Kind: wire.TamperStarted}) // before anybody was to be told
	w.begin(func(*desk.MailSettings) {})
	w.refuse = errors.New("451 4.7.1 greylisted")
	w.happens(lockout())
	w.pass(10 * time.Minute)
	s, err := w.teller.desk.Mail(t.Context(), root)
	w.must(err)
	if s.Problem != "451 4.7.1 greylisted" || s.Failing.IsZero() || s.Failing.After(w.time.Add(-9*time.Minute)) {
		t.Errorf("%+v", s)
	}
	w.happens(forced())
	again := *w.teller // a controller that starts anew knows what is stored
	w.teller = &teller{desk: again.desk, log: again.log, now: again.now, site: again.site}
	w.refuse = nil
	w.pass(2 * time.Hour)
	sent := w.sent()
	if len(sent) != 1 || !strings.Contains(sent[0], "locked out") || !strings.Contains(sent[0], "forced open") || strings.Contains(sent[0], "housing") {
		t.Errorf("%q", sent)
	}
	if s, err = w.teller.desk.Mail(t.Context(), root); err != nil || s.Problem != "" || !s.Failing.IsZero() || s.Sent.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAMailNamesNobodyUnlessAnOwnerChoseIt(t *testing.T) {
	w := newWorld(t)
	user, _, err := w.teller.desk.AddUser(t.Context(), root, desk.UserForm{First: "Ada", Last: "Lovelace"}, desk.PIN{}, nil)
	w.must(err)
	happens := func() string {
		t.Helper()
		started := lockout()
		started.Users = []uint64{user}
		w.happens(started, &wire.Record{Kind: wire.Duress, Seq: 3, User: user, Credential: 1}, &wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, Seq: 3, User: user, Credential: 1, Seconds: 5})
		w.pass(5 * time.Minute)
		sent := w.sent()
		if len(sent) != 1 {
			t.Fatalf("%q", sent)
		}
		return sent[0]
	}
	w.begin(func(*desk.MailSettings) {})
	if mail := happens(); strings.Contains(mail, "Ada") || !strings.Contains(mail, "A PIN for duress was entered at Front door") {
		t.Error(mail)
	}
	w.begin(func(s *desk.MailSettings) { s.Names = true })
	if mail := happens(); !strings.Contains(mail, "Ada Lovelace") {
		t.Error(mail)
	}
}

func TestWrongSettingsAreRefusedWithASentence(t *testing.T) {
	w := newWorld(t)
	for field, spoil := range map[string]func(*desk.MailSettings){
		"host":       func(s *desk.MailSettings) { s.Host = "mail.example.com:25\r\nRCPT" },
		"port":       func(s *desk.MailSettings) { s.Port = 70000 },
		"security":   func(s *desk.MailSettings) { s.Security, s.User = desk.MailPlain, "" },
		"user":       func(s *desk.MailSettings) { s.Host, s.Security = "localhost", desk.MailPlain },
		"sender":     func(s *desk.MailSettings) { s.Sender = "Doors <doors@example.com>" },
		"recipients": func(s *desk.MailSettings) { s.Recipients = []string{"ada@example.com\r\nBcc: eve@example.com"} },
		"notices":    func(s *desk.MailSettings) { s.Notices = nil },
	} {
		s := w.settings()
		spoil(s)
		if err := w.teller.desk.SetMail(t.Context(), root, 0, s, []byte("a password")); desk.Fields(err)[field] == nil {
			t.Errorf("%s: %v", field, err)
		}
	}
	w.begin(func(*desk.MailSettings) {})
	other := w.settings()
	other.Host = "elsewhere.example.com"
	if err := w.teller.desk.SetMail(t.Context(), root, 1, other, nil); desk.Fields(err)["mail-password"] == nil {
		t.Errorf("the password went to another host: %v", err)
	}
	if err := w.teller.desk.SetMail(t.Context(), root, 0, w.settings(), nil); desk.Fields(err)["mail"] == nil {
		t.Errorf("an old form: %v", err)
	}
	w.must(w.teller.desk.SetMail(t.Context(), root, 1, w.settings(), nil))
	w.must(w.teller.desk.TestMail(t.Context(), root))
	if sent := w.sent(); len(sent) != 1 || !strings.HasPrefix(sent[0], "Latchkey home: a test\n") {
		t.Errorf("%q", sent)
	}
}

func TestAnOutageOfTheDatabaseIsNotLoggedHere(t *testing.T) {
	var log strings.Builder
	tell := teller{log: slog.New(slog.NewTextHandler(&log, nil))}
	tell.complain("cannot read", &desk.UnavailableError{Reason: language.Data("it is away; nothing was done"), Outage: "it is away"})
	if log.Len() > 0 {
		t.Error(log.String())
	}
	tell.complain("cannot read", &desk.UnavailableError{Reason: language.Data("somebody writes; nothing was done")})
	if strings.Count(log.String(), "level=ERROR") != 1 {
		t.Errorf("of a database that answers: %q", log.String())
	}
}

func TestMailOutlastsAFailureOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	w.must(w.site.Close())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, w.teller.desk, w.teller.log) }()
	select {
	case err := <-ended:
		t.Fatalf("it has ended: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	stop()
	w.must(<-ended)
}
