package console

import (
	"bytes"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// counted adopts a reader with a TPM, which reports the budget or the nonce.
func (w *world) counted(id, door string, spent uint32, t wire.TPMState) *boardtest.Board {
	w.t.Helper()
	b := boardtest.NewWithTPM(w.t, wire.TPMNonce{1})
	_, err := w.desk.Adopt(w.t.Context(), owner, desk.AdoptForm{Reader: id, Request: b.Signed, Fingerprint: b.Fingerprint(), Door: door, Place: "Main building", Access: []wire.Access{{Group: wire.Everyone}}}, func([]byte) error { return nil })
	w.must(err)
	reports := w.journal(id)
	for range spent {
		reports.report(time.Now(), wire.Record{Kind: wire.AttemptStarted})
	}
	w.tells(id, t)
	return b
}

// tells has a reader report its TPM, with the newest Ref.
func (w *world) tells(id string, t wire.TPMState) {
	w.t.Helper()
	peers, _, err := w.site.Peers(w.t.Context())
	w.must(err)
	report := func(t wire.TPMState) {
		w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
			b, err := tx.Budget(peers[id].Bundle)
			if err == nil {
				t.Ref = b.Ref
			}
			return err
		}))
		state := &wire.State{Reader: id, Connection: 1, Counter: 1, Nonce: wire.Nonce{1}, Journal: wire.JournalID{1}, Version: "1.0.0", PolicyRevision: 1 << 40,
			Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, ClockTrusted: true, TPM: &t}}
		w.must(w.site.TakeBudget(w.t.Context(), w.clock(), peers[id], state))
		w.must(w.site.SetStates(w.t.Context(), []*store.State{{Reader: id, Bundle: peers[id].Bundle, Connection: 1, Counter: 1, Payload: wire.Marshal(state)}}))
		w.live.mu.Lock()
		defer w.live.mu.Unlock()
		for i := range w.live.states {
			if w.live.states[i].ID == id {
				w.live.states = append(w.live.states[:i:i], w.live.states[i+1:]...)
				break
			}
		}
		w.live.states = append(w.live.states, link.ReaderStatus{ID: id, Online: true, Heard: time.Now(), Current: true, State: state})
	}
	if t.Budget.Limit == 0 {
		report(wire.TPMState{Budget: wire.Budget{Limit: 500}}) // it had one before
	}
	report(t)
}

// holdsNewest has a reader say that it holds the newest epoch.
func (w *world) holdsNewest(id string) {
	w.t.Helper()
	peers, _, err := w.site.Peers(w.t.Context())
	w.must(err)
	report, err := w.site.Check(w.t.Context())
	w.must(err)
	w.must(w.site.TakeHeld(w.t.Context(), peers[id], &wire.State{Reader: id, Held: &wire.Position{Epoch: report.Epoch}}))
}

// certify has a reader adopted with a TPM that a maker has certified.
func (w *world) certify(id string, m *boardtest.TPMMaker) {
	w.t.Helper()
	b := boardtest.NewWithTPM(w.t, wire.TPMNonce{1})
	b.Endorse(w.t, m)
	_, err := w.desk.Adopt(w.t.Context(), owner, desk.AdoptForm{Reader: id, Request: b.Signed, Fingerprint: b.Fingerprint()}, func([]byte) error { return nil })
	w.must(err)
}

// theft is a world with readers of each kind.
func (w *world) theft() {
	w.t.Helper()
	w.adopt("barn", "Barn", "Main building")
	w.counted("vault", "Vault", 40, wire.TPMState{Budget: wire.Budget{Spent: 40, Limit: 500}})
	w.counted("annex", "Annex", 0, wire.TPMState{Nonce: wire.TPMNonce{7}})
	w.counted("cellar", "Cellar", 3, wire.TPMState{Budget: wire.Budget{Spent: 500, Limit: 500}})
	w.user("Ada", "Lovelace", true, "", "staff")
}

func TestItIsShownWhatAStolenReaderIsWorthAndWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.theft()
	b := w.visitor(desk.Owner)
	b.get("/devices").shows(t, http.StatusOK, "1 reader keeps the PIN key in a file: barn", "460 guesses left", "no security chip", "No PINs", "/settings?ask=pins")
	b.get("/readers/vault").shows(t, http.StatusOK, "in its TPM, a security chip: 460 guesses left, for 12 days at its use", "less than 0.001 % to find somebody's PIN")
	b.get("/readers/barn").shows(t, http.StatusOK, "whoever steals the reader has all PINs within hours")
	b.get("/readers/cellar").shows(t, http.StatusOK, "Its budget is spent, and its records do not show by whom", "adopted anew")
	b.get("/readers/annex").shows(t, http.StatusOK, "Its TPM has lost its budget", "/readers/annex?tab=device")
	b.get("/readers/annex?tab=device&ask=budget").shows(t, http.StatusOK, "Give the TPM of annex a new budget?", "if the reader is where it should be")
	b.get("/settings?ask=pins").shows(t, http.StatusOK, "1 reader without a TPM stops taking PINs: barn", "People get in there by card")

	if got := b.post("/readers/annex/budget"); got.status != http.StatusOK || strings.Contains(text(got.body), "lost its budget") {
		t.Errorf("%d: %s", got.status, text(got.body))
	}
	b.post("/readers/annex/budget").shows(t, http.StatusUnprocessableEntity, "given a new budget already")
	b.post("/settings/guesses", "guess-budget", "9").shows(t, http.StatusUnprocessableEntity, "A reader gets 10 to 10,000 guesses", `value="9"`)
	b.post("/settings/guesses", "guess-budget", "200").shows(t, http.StatusOK, `value="200"`, "stays theirs")
	b.post("/settings/pins", "only", "true").shows(t, http.StatusOK, "Readers without a TPM take no PINs", "1 reader has not said yet that the PIN key that it had in a file is gone: barn")
	b.get("/readers/barn").shows(t, http.StatusOK, "has not said yet that it is gone")
	w.holdsNewest("barn")
	b.get("/settings").shows(t, http.StatusOK, "A stolen reader is worth at most")
	b.get("/settings?ask=pins").shows(t, http.StatusOK, "1 reader gets the PIN key unprotected", "barn")
	b.get("/readers/barn").shows(t, http.StatusOK, "this site takes PINs only at readers with a TPM")
	if got := b.get("/devices"); strings.Contains(text(got.body), "in a file") {
		t.Error(text(got.body))
	}
	b.post("/settings/pins", "only", "false").shows(t, http.StatusOK, "get the PIN key, and take PINs", "1 reader keeps the PIN key in a file")

	stale := w.visitor(desk.Owner)
	w.pass(desk.FreshFor + time.Second)
	for _, path := range []string{"/settings/pins", "/readers/annex/budget"} {
		stale.post(path, "only", "true").shows(t, http.StatusUnprocessableEntity, "Your password")
	}
}

// send posts a form with a file.
func (b *browser) send(path, field string, content []byte) *page {
	b.w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile(field, field)
	b.w.must(err)
	file.Write(content)
	b.w.must(form.Close())
	return b.ask("POST", path, form.FormDataContentType(), &body)
}

func TestAnOwnerSaysWhoseTPMsAreTrusted(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	maker, other := boardtest.NewTPMMaker(t, "Maker of TPMs", nil, nil), boardtest.NewTPMMaker(t, "Other", nil, nil)
	print := wire.Fingerprint(maker.Authority.Raw)
	b.get("/settings").shows(t, http.StatusOK, "A TPM is taken at its word", "Add authorities")
	b.get("/settings?ask=tpms").shows(t, http.StatusOK, "Certificates of authorities")
	b.send("/settings/tpms", "authority", []byte("what")).shows(t, http.StatusUnprocessableEntity, "It cannot be read as an X.509 certificate", "Certificates of authorities")
	b.send("/settings/tpms", "authority", bytes.Repeat(maker.PEM(), 200)).shows(t, http.StatusUnprocessableEntity, "larger than 64 KiB")
	b.send("/settings/tpms", "authority", maker.PEM()).shows(t, http.StatusOK, "if their TPM is certified by Maker of TPMs", print, "good until 1 Jan 2050")

	board := boardtest.NewWithTPM(t, wire.TPMNonce{1})
	b.send("/devices/adopt", "request", board.Signed).shows(t, http.StatusUnprocessableEntity, "has no certificate of its maker")
	board.Endorse(t, other)
	b.send("/devices/adopt", "request", board.Signed).shows(t, http.StatusUnprocessableEntity, "CN=Other", "not what it says")
	board.Endorse(t, maker)
	b.send("/devices/adopt", "request", board.Signed).shows(t, http.StatusOK, "Maker of TPMs has certified it")
	b.post("/devices/adopt/reader", "compared", "on", "request", base64.StdEncoding.EncodeToString(board.Signed), "fingerprint", board.Fingerprint(), "reader", "vault", "access", "nobody").
		shows(t, http.StatusOK, "in its TPM, certified by Maker of TPMs")
	b.get("/readers/vault?tab=device").shows(t, http.StatusOK, "certified by its maker when it was adopted")

	b.get("/settings?ask=tpm-remove&authority="+url.QueryEscape(print)).shows(t, http.StatusOK, "Remove Maker of TPMs?", "It is the last one")
	b.post("/settings/tpms/remove", "authority", "AB").shows(t, http.StatusUnprocessableEntity, "trusts no authority with this fingerprint")
	b.post("/settings/tpms/remove", "authority", print).shows(t, http.StatusOK, "A TPM is taken at its word", "What was adopted stays as it is")
	b.get("/readers/vault?tab=device").shows(t, http.StatusOK, "certified by its maker when it was adopted")
	w.pass(desk.FreshFor + time.Second)
	b.post("/settings/tpms/remove", "authority", print).shows(t, http.StatusUnprocessableEntity, "Your password")
}

func TestAnAdoptionSaysWhereTheKeysGo(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	upload := func(board *boardtest.Board) *page { return b.send("/devices/adopt", "request", board.Signed) }
	adopt := func(board *boardtest.Board, more ...string) *page {
		t.Helper()
		return b.post("/devices/adopt/reader", append(more, "request", base64.StdEncoding.EncodeToString(board.Signed), "fingerprint", board.Fingerprint(), "reader", "vault", "access", "nobody")...)
	}
	chip, plain := boardtest.NewWithTPM(t, wire.TPMNonce{1}), boardtest.New(t)
	upload(chip).shows(t, http.StatusOK, "This reader has a TPM, a security chip", "taken at its word")
	adopt(chip).shows(t, http.StatusUnprocessableEntity, "This reader has a TPM, a security chip")
	adopt(chip, "compared", "on").shows(t, http.StatusOK, "in its TPM, which is taken at its word")
	upload(plain).shows(t, http.StatusOK, "This reader has no TPM, a security chip that protects its keys")
	w.must(w.desk.SetPINReaders(t.Context(), owner, true))
	upload(plain).shows(t, http.StatusOK, "people will get in there by card")
	adopt(plain, "compared", "on").shows(t, http.StatusOK, "in a file, without that of PINs")
}
