package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// live has one reader, which reads one card.
type live struct{ reader link.ReaderStatus }

func (l live) Brokers(context.Context) ([]link.BrokerStatus, error) { return nil, nil }

func (l live) Readers(context.Context) ([]link.ReaderStatus, error) {
	return []link.ReaderStatus{l.reader}, nil
}

func (l live) Order(_ context.Context, o store.Order, card func([]byte) (string, bool)) (link.OrderResult, error) {
	if o.Order == wire.Enrol {
		text, done := card([]byte{0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0x80})
		return link.OrderResult{Done: done, Text: language.Data(text)}, nil
	}
	return link.OrderResult{ID: o.ID, Text: language.Data("not sent: " + o.Who)}, nil
}

func (l live) Personalise(_ context.Context, o store.Order, keys func(*wire.CardToKey) (*wire.CardKeySets, error)) (link.OrderResult, error) {
	card := boardtest.NewCard([]byte{0x04, 1, 2, 3, 4, 5, 6})
	card.Mute = true // it is another one each time
	if _, err := keys(card.Read()); err != nil {
		return link.OrderResult{Text: language.Data(err.Error())}, nil
	}
	return link.OrderResult{Done: true, Text: language.Data("done")}, nil
}

func addReader(t *testing.T, s *site.Site, id string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		policy, _, err := site.PolicyOrNew(tx, id)
		if err == nil {
			_, _, err = s.Adopt(tx, time.Now(), boardtest.New(t).Signed, nil, policy)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheCommandLineSeesAndDoesWhatTheDeskDoes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a long name ", 10)) // longer than a socket's may be
	client := Client{Dir: dir, Who: "Grace"}
	s, err := site.Create(t.Context(), dir, postgrestest.Address(t), "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	addReader(t, s, "front-door")
	if _, err := client.Readers(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("none runs: %v", err)
	}
	d := desk.New(desk.Options{Site: s, Live: live{link.ReaderStatus{ID: "front-door", Online: true, Heard: time.Now(), State: &wire.State{
		Version: "1.2.3", PolicyRevision: 7, Held: &wire.Position{Epoch: 3, Revision: 4},
		Condition: &wire.Condition{Lockout: wire.CauseGuessing, Door: "held", Strike: "off", Faults: []wire.Fault{{Subject: "nfc", Text: "no answer"}}},
	}}}})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, dir, d) }()
	var readers []*desk.Reader
	for range 1000 {
		if readers, err = client.Readers(t.Context()); !errors.Is(err, ErrNotRunning) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, socketFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may use the socket: %v, %v", info.Mode(), err)
	}
	actor := desk.AtCommandLine("Grace")
	there, err := d.Readers(t.Context(), actor)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(there)
	if got, _ := json.Marshal(readers); !bytes.Equal(got, want) || readers[0].Live.Faults[0].Subject != "nfc" {
		t.Errorf("%s, at the desk %s", got, want)
	}

	if _, err := d.SetMode(t.Context(), actor, desk.Where{}, wire.ModeLockdown, 0); err != nil {
		t.Fatal(err)
	}
	modes, err := client.WantedModes(t.Context())
	if err != nil || len(modes) != 1 || modes[0].Mode != wire.ModeLockdown || modes[0].Of != 1 || modes[0].Text == nil {
		t.Errorf("%+v, %v", modes, err)
	}

	outcome, err := client.Order(t.Context(), "front-door", wire.Unlock)
	if err != nil || outcome.Done || outcome.Text.String() != "not sent: "+actor.Name {
		t.Errorf("%+v, %v", outcome, err)
	}
	if _, err := client.Order(t.Context(), "front-door", wire.Enrol); err == nil {
		t.Error("an enrolment without a user")
	}

	user, _, err := d.AddUser(t.Context(), actor, desk.UserForm{First: "Ada"}, desk.PIN{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := client.Enrol(t.Context(), user, "front-door")
	if err != nil || read.LastFour != "E580" {
		t.Fatalf("%+v, %v", read, err)
	}
	if _, err := client.ConfirmCard(t.Context(), read.ID, "0000"); err == nil || !strings.Contains(err.Error(), "last four digits") {
		t.Errorf("other digits: %v", err)
	}
	if _, err := client.ConfirmCard(t.Context(), read.ID, "e580"); err != nil {
		t.Error(err)
	}
	if u, err := d.User(t.Context(), actor, user); err != nil || u.Cards != 1 {
		t.Errorf("%+v, %v", u, err)
	}
	newCard := func() (*desk.KeyedCard, error) {
		card, err := client.NewCard(t.Context(), user, "front-door")
		if err != nil || card.Enrolment == nil {
			return card, err
		}
		return client.ConfirmCard(t.Context(), card.Enrolment.ID, card.Enrolment.LastFour)
	}
	for i, act := range []func(credential uint64) (*desk.KeyedCard, error){
		func(uint64) (*desk.KeyedCard, error) { return newCard() },
		func(c uint64) (*desk.KeyedCard, error) { return client.RekeyCard(t.Context(), user, c, "front-door") },
		func(c uint64) (*desk.KeyedCard, error) { return client.ReturnCard(t.Context(), user, c, "front-door") },
		func(uint64) (*desk.KeyedCard, error) { return newCard() },
	} {
		u, err := d.User(t.Context(), actor, user)
		if err != nil {
			t.Fatal(err)
		}
		card, err := act(u.Credentials[len(u.Credentials)-1].ID)
		if err != nil || card.UID != "… 05 06" || card.Text == nil {
			t.Fatalf("%d: %+v, %v", i, card, err)
		}
		if u, err = d.User(t.Context(), actor, user); err != nil || u.Cards-u.Copyable != []int{1, 1, 0, 1}[i] {
			t.Errorf("%d: %+v, %v", i, u, err)
		}
	}
	if _, err := client.ReturnCard(t.Context(), 0, 0, "front-door"); err == nil || !strings.Contains(err.Error(), "take it from its user instead") {
		t.Errorf("a card of a user as nobody's: %v", err)
	}
	if err := client.post(t.Context(), "/desk/of-a-newer-version", struct{}{}, new(any)); err == nil || !strings.Contains(err.Error(), "another version than this program; restart it") {
		t.Errorf("a request that the controller does not know: %v", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := client.Readers(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("none runs any more: %v", err)
	}
}

func TestNothingIsOpenedForSomebodyWhoHasLeft(t *testing.T) {
	s, err := site.Create(t.Context(), filepath.Join(t.TempDir(), "site"), postgrestest.Address(t), "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	addReader(t, s, "front-door")
	h := handler(t.Context(), desk.New(desk.Options{Site: s, Live: live{link.ReaderStatus{ID: "front-door"}}}))
	order := func(ctx context.Context) string {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "POST", "/desk/orders", strings.NewReader(`{"Who": "Grace", "Reader": "front-door", "Order": "unlock"}`)))
		return answer.Body.String()
	}
	if said := order(t.Context()); !strings.Contains(said, "not sent: command line") {
		t.Fatal(said)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	if said := order(left); strings.Contains(said, "not sent: command line") {
		t.Errorf("the reader was asked: %s", said)
	}
}

func TestARequestIsBoundedAndHoldsNothingUnknown(t *testing.T) {
	s, err := site.Create(t.Context(), filepath.Join(t.TempDir(), "site"), postgrestest.Address(t), "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := handler(t.Context(), desk.New(desk.Options{Site: s}))
	for name, body := range map[string]string{
		"more than the bound": `{"Reader": "` + strings.Repeat("x", maxBody) + `"}`,
		"an unknown field":    `{"Reader": "front-door", "Order": "unlock", "Twice": true}`,
		"no JSON":             `unlock`,
	} {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest("POST", "/desk/orders", strings.NewReader(body)))
		if answer.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
}
