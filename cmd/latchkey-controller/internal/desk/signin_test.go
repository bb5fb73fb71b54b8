package desk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

const secret = "correct horse battery"

var here = Client{Address: "192.0.2.7", Agent: "browser"}

// owner creates the first Owner and returns their session.
func (w *world) owner() *Session {
	w.t.Helper()
	token, err := w.FirstOwnerLink(w.t.Context())
	w.must(err)
	session, err := w.UseOneTimeLink(w.t.Context(), token, "Ada Lovelace", []byte(secret), here)
	w.must(err)
	return session
}

func (w *world) signIn(name, password string, from Client) (*Session, error) {
	return w.SignIn(w.t.Context(), name, []byte(password), from)
}

func TestTheFirstLinkMakesTheOwnerOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, err := w.FirstOwnerLink(t.Context())
	w.must(err)
	var links []string // of as many controllers that have started
	for range 8 {
		w.time = w.time.Add(time.Second)
		token, err := w.FirstOwnerLink(t.Context())
		w.must(err)
		links = append(links, token)
	}
	if _, err := w.OneTimeLink(t.Context(), old); !errors.Is(err, ErrLinkUsed) {
		t.Error("the oldest of nine goes on:", err)
	}
	token := links[0]
	l, err := w.OneTimeLink(t.Context(), token)
	if err != nil || !l.First || l.Role != Owner || !l.Ends.Equal(w.time.Add(OneTimeLinkEnds-7*time.Second)) {
		t.Errorf("%+v, %v", l, err)
	}
	for field, try := range map[string][2]string{"name": {" ", secret}, "password": {"Ada", "short"}} {
		if _, err := w.UseOneTimeLink(t.Context(), token, try[0], []byte(try[1]), here); Fields(err)[field] == nil {
			t.Errorf("%q: %v", try, err)
		}
	}
	password := []byte(secret)
	session, err := w.UseOneTimeLink(t.Context(), token, " Ada Lovelace ", password, here)
	w.must(err)
	if string(password) == secret {
		t.Error("the password is still in memory")
	}
	if e := w.newest(); e.Text.String() != "Ada Lovelace became the first Owner from 192.0.2.7" {
		t.Errorf("%q", e.Text)
	}
	if a := session.Actor; a.Role != Owner || a.Name != "Ada Lovelace" || !a.FreshSignIn || a.Via != Console {
		t.Errorf("%+v", a)
	}
	for _, token := range links {
		if _, err := w.UseOneTimeLink(t.Context(), token, "Eve", []byte(secret), here); !errors.Is(err, ErrLinkUsed) {
			t.Error("used twice:", err)
		}
	}
	if token, err := w.FirstOwnerLink(t.Context()); token != "" || err != nil {
		t.Error("there is an Owner, and still a first link")
	}
	s, err := w.Session(t.Context(), session.Token, true)
	if err != nil || s.Actor != session.Actor {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestALinkEndsWithItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, err := w.FirstOwnerLink(t.Context())
	w.must(err)
	w.time = w.time.Add(OneTimeLinkEnds)
	if _, err := w.UseOneTimeLink(t.Context(), token, "Ada", []byte(secret), here); !errors.Is(err, ErrLinkUsed) {
		t.Error(err)
	}
}

func TestOfTwoFirstLinksUsedAtOnceOneMakesTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, err := w.FirstOwnerLink(t.Context())
	w.must(err)
	errs := make(chan error)
	for i := range 3 {
		go func() {
			_, err := w.UseOneTimeLink(t.Context(), token, fmt.Sprint("Eve ", i), []byte(secret), here)
			errs <- err
		}()
	}
	made := 0
	for range 3 {
		if err := <-errs; err == nil {
			made++
		} else if !errors.Is(err, ErrLinkUsed) {
			t.Error(err)
		}
	}
	if admins, err := w.Admins(t.Context(), as(Owner)); err != nil || made != 1 || len(admins) != 1 {
		t.Errorf("%d made, %d there, %v", made, len(admins), err)
	}
}

func TestSigningInSaysNothingAboutWhoThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owner()
	if _, err := w.signIn("  ada LOVELACE", secret, here); err != nil {
		t.Error(err)
	}
	_, err1 := w.signIn("Ada Lovelace", "wrong password", here)
	_, err2 := w.signIn("Nobody", secret, here)
	_, err3 := w.signIn("Ada Lovelace", strings.Repeat("x", 1000), here)
	if err1 != ErrWrongSignIn || err2 != ErrWrongSignIn || err3 != ErrWrongSignIn {
		t.Error(err1, err2, err3)
	}
	// The typed name may be a password.
	if _, err := w.signIn(secret, "Ada Lovelace", here); err != ErrWrongSignIn {
		t.Error(err)
	}
	if e := w.newest(); e.Who != unknownAccount || e.Result != Refused || e.Text.String() != "Somebody unknown could not sign in: wrong password, from 192.0.2.7" {
		t.Errorf("%+v", e)
	}
}

func TestABrowserNamesItselfInOneLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owner()
	s, err := w.signIn("Ada Lovelace", secret, Client{Address: "192.0.2.7", Agent: "evil\x1b[2J\r\n\u202e"})
	w.must(err)
	w.must(w.site.View(t.Context(), func(tx *store.Tx) error {
		row, err := tx.Session(hashToken(s.Token))
		if row.Agent != "evil\ufffd[2J\ufffd\ufffd\ufffd" {
			t.Errorf("%q", row.Agent)
		}
		return err
	}))
}

func TestASessionEndsIdleOrOldOrSignedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.owner()
	session := func() string {
		t.Helper()
		s, err := w.signIn("Ada Lovelace", secret, here)
		w.must(err)
		return s.Token
	}
	over := func(token string) {
		t.Helper()
		if _, err := w.Session(t.Context(), token, true); err != ErrSignedOut {
			t.Error(err)
		}
	}
	idle := session()
	w.time = w.time.Add(SessionIdle - time.Second)
	if _, err := w.Session(t.Context(), idle, false); err != nil { // a page that refreshes itself
		t.Error(err)
	}
	w.time = w.time.Add(time.Second)
	over(idle)

	busy := session()
	for began := w.time; w.time.Sub(began) < SessionEnds; w.time = w.time.Add(10 * time.Minute) {
		if _, err := w.Session(t.Context(), busy, true); err != nil {
			t.Fatal(w.time.Sub(began), err)
		}
	}
	over(busy)

	out, other := session(), session()
	w.must(w.SignOut(t.Context(), out))
	over(out)
	w.must(w.SignOut(t.Context(), out))
	if _, err := w.Session(t.Context(), other, true); err != nil {
		t.Error("signed out with it:", err)
	}
	over("")
	over("made up")
	w.must(w.Prune(t.Context()))
	w.must(w.site.View(t.Context(), func(tx *store.Tx) error {
		open, err := tx.OpenSessions(0, 0)
		if len(open) != 1 || open[1] != 1 {
			t.Errorf("%v sessions are kept", open)
		}
		return err
	}))
}

func TestASignInIsFreshForFiveMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.owner().Token
	isFresh := func() bool {
		t.Helper()
		s, err := w.Session(t.Context(), token, true)
		w.must(err)
		return s.Actor.FreshSignIn
	}
	w.time = w.time.Add(FreshFor - time.Second)
	if !isFresh() {
		t.Error("too early")
	}
	w.time = w.time.Add(time.Second)
	if isFresh() {
		t.Error("too late")
	}
	if err := w.SignInAgain(t.Context(), token, []byte("wrong password"), here); err != ErrWrongSignIn || isFresh() {
		t.Error(err)
	}
	w.must(w.SignInAgain(t.Context(), token, []byte(secret), here))
	if !isFresh() {
		t.Error("the right password does not make it fresh")
	}
}

func TestANewPasswordEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.owner().Token
	theirs, err := w.signIn("Ada Lovelace", secret, here)
	w.must(err)
	for field, try := range map[string][2]string{"old": {"wrong password", "another horse battery"}, "new": {secret, "aaaaaaaaaaaaaa"}} {
		if err := w.ChangePassword(t.Context(), mine, []byte(try[0]), []byte(try[1]), here); Fields(err)[field] == nil {
			t.Errorf("%q: %v", try, err)
		}
	}
	if err := w.ChangePassword(t.Context(), mine, []byte(secret), []byte("Ada LOVELACE"), here); Fields(err)["new"] == nil {
		t.Error("the name is a password:", err)
	}
	w.must(w.ChangePassword(t.Context(), mine, []byte(secret), []byte("another horse battery"), here))
	if _, err := w.Session(t.Context(), mine, true); err != nil {
		t.Error(err)
	}
	if _, err := w.Session(t.Context(), theirs.Token, true); err != ErrSignedOut {
		t.Error("the other session goes on:", err)
	}
	if _, err := w.signIn("Ada Lovelace", secret, here); err != ErrWrongSignIn {
		t.Error("the old password goes on:", err)
	}
	if _, err := w.signIn("Ada Lovelace", "another horse battery", here); err != nil {
		t.Error(err)
	}
}

func TestPasswordsAndTokensAreInNoFileOfTheSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.owner()
	link, err := w.OwnerLink(t.Context(), AtCommandLine("root"), "")
	w.must(err)
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	w.must(err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		w.must(err)
		for _, text := range []string{secret, session.Token, link} {
			if strings.Contains(string(b), text) {
				t.Errorf("%s holds %q", filepath.Base(file), text)
			}
		}
	}
	if len(files) < 2 {
		t.Error("looked at nothing")
	}
}

func TestASiteThatIsPutBackKnowsNobodysSession(t *testing.T) {
	t.Parallel()
	postgrestest.SQLiteOnly(t)
	w := newWorld(t)
	session := w.owner()
	link, err := w.OwnerLink(t.Context(), AtCommandLine("root"), "")
	w.must(err)
	backup, restored := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	w.must(w.BackupTo(t.Context(), as(Owner), toRecipient(), backup))
	_, err = site.Restore(t.Context(), w.clock(), backup, backuptest.Identities(t), restored, "")
	w.must(err)
	s, err := site.Open(t.Context(), restored)
	w.must(err)
	defer s.Close()
	d := New(Options{Site: s, Clock: w.clock})
	d.memory = cheap
	if _, err := d.Session(t.Context(), session.Token, true); err != ErrSignedOut {
		t.Error(err)
	}
	if _, err := d.OneTimeLink(t.Context(), link); err != ErrLinkUsed {
		t.Error(err)
	}
	if _, err := d.SignIn(t.Context(), "Ada Lovelace", []byte(secret), here); err != nil {
		t.Error(err)
	}
}
