package console

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// handOver has a board hand itself over, or ask again, and returns the bundle that it gets.
func (w *world) handOver(board *boardtest.Board, named string) (bundle []byte) {
	w.t.Helper()
	answer, err := w.desk.HandOver(w.t.Context(), netip.MustParseAddr("192.0.2.7"), &wire.Handover{Request: board.Signed, Reader: named})
	w.must(err)
	return answer.Bundle
}

// waits has a new board wait, and returns it and its page.
func (w *world) waits(named string) (board *boardtest.Board, page string) {
	w.t.Helper()
	board = boardtest.New(w.t)
	w.handOver(board, named)
	return board, w.pageOf(board)
}

// pageOf is the page of a board that waits.
func (w *world) pageOf(board *boardtest.Board) string { w.t.Helper(); return waitingURL(w.idOf(board)) }

func (w *world) idOf(board *boardtest.Board) int64 {
	w.t.Helper()
	all, err := w.desk.WaitingReaders(w.t.Context(), owner)
	w.must(err)
	for _, is := range all {
		if is.Fingerprint == board.Fingerprint() {
			return is.ID
		}
	}
	w.t.Fatal("the board does not wait")
	return 0
}

// comes says that a reader is connected.
func (w *world) comes(id string) {
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	w.live.states = append(w.live.states, link.ReaderStatus{ID: id, Online: true, Current: true, State: &wire.State{
		Reader: id, Held: &wire.Position{Epoch: 1, Revision: 1}, Condition: &wire.Condition{Mode: &wire.ModeState{Mode: wire.ModeNormal}}, Level: wire.Level,
	}})
}

func TestANewReaderIsAdoptedByOnePressAfterTheFingerprintWasCompared(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	b.get("/").lacks(t, "is waiting")
	board, page := w.waits("")
	print := strings.Join(printLines(board.Fingerprint()), "</span> <span>")
	b.get("/").shows(t, http.StatusOK, "A new reader is waiting.", `href="`+page+`"`)
	b.get("/devices").shows(t, http.StatusOK, "is waiting", board.Fingerprint(), `href="`+page+`"`, "192.0.2.7")
	b.get(page).shows(t, http.StatusOK, print, "The reader&#39;s screen shows the same", `name="which" value="new"`, `value="Main building"`)

	fields := []string{"fingerprint", board.Fingerprint(), "which", "new", "door", "Küche", "place", "Main building", "access", "everyone"}
	b.post(page, fields...).shows(t, http.StatusUnprocessableEntity, "Compare the fingerprint with that on the reader", `value="Küche"`)
	fields = append(fields, "compared", "on")
	for says, but := range map[string][]string{
		"Enter a name for the door.":                     {"door", ""},
		"Choose who may open the door.":                  {"access", ""},
		"Choose the groups that may open the door":       {"access", "groups"},
		"Choose the door.":                               {"which", ""},
		"Somebody has removed this door":                 {"which", "99"},
		"compare it with the reader&#39;s screen again":  {"fingerprint", "0000"},
		"cannot be a name: use 1 to 32 lower-case":       {"reader", "Küche"},
		"Choose who may open the door of this new reade": {"access", "keep"},
	} {
		b.post(page, with(fields, but...)...).shows(t, http.StatusUnprocessableEntity, says, print, "Its door")
	}
	if bundle := w.handOver(board, ""); bundle != nil {
		t.Error("it gets a bundle that nobody has made")
	}

	b.post(page, fields...).shows(t, http.StatusOK, "Adopted for Küche, Main building.", "Waiting for the reader to fetch its keys and settings", "take it back", w.site.Name)
	b.get("/").lacks(t, "is waiting")
	b.get("/devices").shows(t, http.StatusOK, "it has not fetched its keys and settings yet")
	r, err := w.desk.Reader(t.Context(), owner, "kuche")
	w.must(err)
	if r.Board != board.Fingerprint() || r.Door != "Küche" || len(r.Policy.Access) != 1 {
		t.Errorf("%+v", r)
	}

	if len(w.handOver(board, "")) == 0 {
		t.Error("it gets no bundle")
	}
	b.get(page).shows(t, http.StatusOK, "It fetched its keys and settings", "from 192.0.2.7. Only this reader can use them. Its screen says which site has adopted it.", "Waiting for it to connect")
	b.get(page).lacks(t, "Mosquitto")
	w.console.brokerURL = "ssl://broker.example:8883"
	b.get(page).shows(t, http.StatusOK, "looks after the controller's machine has to run latchkey-controller broker-config and have Mosquitto reload")
	w.comes("kuche")
	b.get(page).lacks(t, "Mosquitto")
	b.get(page).lacks(t, "Its screen says")
	b.get(page).shows(t, http.StatusOK, "It works", `href="/doors/`+strconv.FormatInt(r.DoorID, 10)+`"`)
	b.post(page, fields...).shows(t, http.StatusOK) // once more, which does nothing
	if again, err := w.desk.Reader(t.Context(), owner, "kuche"); err != nil || again.Bundle != r.Bundle {
		t.Errorf("it was adopted twice: %v", err)
	}
}

// lacks fails the test if the page shows a text.
func (p *page) lacks(t *testing.T, what string) {
	t.Helper()
	if strings.Contains(p.body, what) {
		t.Errorf("%s shows %q: %s", p.url.Path, what, text(p.body))
	}
}

// with returns fields, some of them with other values.
func with(fields []string, but ...string) (all []string) {
	for i := 0; i < len(fields); i += 2 {
		if fields[i] != but[0] {
			all = append(all, fields[i:i+2]...)
		}
	}
	return append(all, but...)
}

func TestANewReaderServesADoorThatHasNone(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	hub, err := w.desk.AddPlace(t.Context(), owner, desk.Hubs, 1, "Cellar")
	w.must(err)
	door, err := w.desk.AddPlace(t.Context(), owner, desk.Doors, hub, "Cellar")
	w.must(err)
	board, page := w.waits("")
	at := strconv.FormatInt(door, 10)
	b.get(page).shows(t, http.StatusOK, `<option value="`+at+`" selected>Cellar, Main building</option>`)
	b.get(page).lacks(t, ">Front door, Main building</option>") // which has a reader
	b.post(page, "fingerprint", board.Fingerprint(), "compared", "on", "which", at, "access", "nobody").shows(t, http.StatusOK)
	if r, err := w.desk.Reader(t.Context(), owner, "cellar"); err != nil || r.DoorID != door {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestABoardThatGoesByTheNameOfAReaderIsWarnedOf(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	board, page := w.waits("front-door")
	b.get(page).shows(t, http.StatusOK, "front-door is a reader of this site, and has a board", "As before: Front door", `value="keep" required checked`)
	b.get("/devices").shows(t, http.StatusOK, "Compare with care")
	_, first := w.waits("gate")
	b.get(first).lacks(t, "Another board waits")
	b.get(first).shows(t, http.StatusOK, "Left empty, it is the site’s, UTC.")
	b.get(first).lacks(t, "A reader that is already here keeps its own.")
	_, second := w.waits("gate")
	for _, page := range []string{first, second} {
		b.get(page).shows(t, http.StatusOK, "Another board waits under the id gate, too", "Its id is gate: its config says so.")
	}
	before, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	b.post(page, "reader", "front-door", "fingerprint", board.Fingerprint(), "compared", "on", "which", "same", "access", "keep").shows(t, http.StatusOK)
	if r, err := w.desk.Reader(t.Context(), owner, "front-door"); err != nil || r.Board != board.Fingerprint() || r.DoorID != before.DoorID || r.Policy.Revision != before.Policy.Revision {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatAReaderIsCalledMeanwhileByAStrangerIsNotWhatItBecomes(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	before, err := w.desk.Reader(t.Context(), owner, "front-door")
	w.must(err)
	for _, saw := range []string{"", "gate"} {
		board, page := w.waits(saw)
		b.get(page).lacks(t, "Anybody in this network")
		w.handOver(board, "front-door") // a replay
		fields := []string{"reader", saw, "fingerprint", board.Fingerprint(), "compared", "on", "which", "new", "door", "Back door", "place", "Annex", "access", "everyone"}
		if saw == "" {
			b.post(page, fields...).shows(t, http.StatusUnprocessableEntity, "say the one that is in its config", "said at first that it has no id", `id="f-reader"`)
			fields = with(fields, "reader", "back-door")
		} else {
			b.get(page).shows(t, http.StatusOK, "said at first that its id is gate, and another one later", `id="f-reader"`)
		}
		b.get("/devices").shows(t, http.StatusOK, "Compare with care")
		b.post(page, fields...).shows(t, http.StatusOK, "Adopted for Back door, Annex.")
	}
	if now, err := w.desk.Reader(t.Context(), owner, "front-door"); err != nil || now.Bundle != before.Bundle || now.Policy.Revision != before.Policy.Revision {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestABoardThatIsAReaderNowIsSaidToBeAndWhatItsAdoptionShutsOut(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	adopt := func(board *boardtest.Board, named, door string) (page string) {
		t.Helper()
		w.handOver(board, named)
		page = w.pageOf(board)
		b.post(page, "reader", named, "fingerprint", board.Fingerprint(), "compared", "on", "which", "new", "door", door, "place", "Annex", "access", "everyone").shows(t, http.StatusOK)
		return page
	}
	const stays, moved = "had before stays shut out", "Until then this board was the reader"
	chip := boardtest.NewWithTPM(t, wire.TPMNonce{1})
	page := adopt(chip, "vault", "Vault")
	asked := b.get(page + "?ask=take-back")
	asked.lacks(t, stays)
	asked.lacks(t, moved)
	w.comes("vault")
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel("vault", wire.Level) }))

	anew := boardtest.New(t) // whose files were emptied
	anew.Signing, anew.Request.Signing, anew.Request.TPM = chip.Signing, [32]byte{}, chip.Request.TPM
	var err error
	anew.Signed, err = anew.Request.Sign(anew.Signing)
	w.must(err)
	w.handOver(anew, "")
	b.get("/devices").shows(t, http.StatusOK, "its board is the reader vault now")
	asked = b.get(w.pageOf(anew))
	asked.shows(t, http.StatusOK, "This board is the reader vault now.", "As before: Vault", `value="keep" required checked`)
	asked.lacks(t, "anybody can give a board this id")
	page = adopt(anew, "", "Other")
	b.get(page+"?ask=take-back").shows(t, http.StatusOK, "Take vault back?", stays)

	other := boardtest.New(t)
	b.get(adopt(other, "front-door", "Front door")+"?ask=take-back").shows(t, http.StatusOK, "Take front-door back?", "The board that front-door "+stays)
	fresh := boardtest.New(t)
	page = adopt(fresh, "shed", "Shed")
	_, err = w.desk.HandOver(t.Context(), netip.MustParseAddr("192.0.2.66"), &wire.Handover{Request: fresh.Signed}) // a replay
	w.must(err)
	b.get(page).shows(t, http.StatusOK, "somebody at 192.0.2.66 has fetched its keys and settings", "It fetched its keys and settings")
}

func TestABoardThatIsRefusedIsNotShown(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	_, page := w.waits("")
	b.get(page+"?ask=refuse").shows(t, http.StatusOK, "Refuse this reader?", "192.0.2.7")
	b.post(page+"/refuse").shows(t, http.StatusOK, "Refused.")
	b.get("/devices").lacks(t, "is waiting")
	b.get(page).shows(t, http.StatusNotFound, "It waits no longer")
	b.post(page+"/refuse").shows(t, http.StatusOK, "It waits no longer.") // somebody was faster
	b.post(page, "compared", "on", "which", "new", "door", "Shed", "place", "Annex", "access", "nobody").shows(t, http.StatusNotFound, "It waits no longer")
}

func TestAllBoardsThatAskFromAnAddressAreRefusedWithOnePress(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	_, page := w.waits("")
	b.get(page+"?ask=refuse").lacks(t, "Also the other")
	_, other := w.waits("")
	b.get(page+"?ask=refuse").shows(t, http.StatusOK, "Also the other new reader that asks from there")
	w.waits("")
	b.get(page+"?ask=refuse").shows(t, http.StatusOK, "Also the 2 other new readers that ask from there")
	b.post(page+"/refuse", "all", "on").shows(t, http.StatusOK, "Refused. They are not shown for an hour.")
	b.get("/devices").lacks(t, "is waiting")
	b.get(other).shows(t, http.StatusNotFound, "It waits no longer")
	b.get("/activity?kind=admin").shows(t, http.StatusOK, "and 2 other boards from there")
}

func TestABoardThatWasLostSaysSoBeforeItIsAdopted(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	board, page := w.waits("")
	b.post(page, "fingerprint", board.Fingerprint(), "compared", "on", "which", "new", "door", "Shed", "place", "Annex", "access", "everyone").shows(t, http.StatusOK)
	b.get("/").lacks(t, "lost reader may have disclosed")
	_, err := w.desk.RemoveReader(t.Context(), owner, "shed", desk.Lost)
	w.must(err)
	w.handOver(board, "")
	const says = "This board was the reader shed until"
	b.get("/devices").shows(t, http.StatusOK, "Was lost or stolen")
	b.get(w.pageOf(board)).shows(t, http.StatusOK, says, "when that was removed as lost or stolen")
	b.get("/").shows(t, http.StatusOK, "PINs or cards that a lost reader may have disclosed are still in use.", `href="/users?state=exposed"`)
	b.get("/users?state=exposed").shows(t, http.StatusOK, "Ada Lovelace", "Exposed PIN or card")
}

func TestAWrongPressIsTakenBack(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	board, page := w.waits("")
	adopt := func(door string) {
		t.Helper()
		b.post(page, "fingerprint", board.Fingerprint(), "compared", "on", "which", "new", "door", door, "place", "Annex", "access", "everyone").shows(t, http.StatusOK)
	}
	gone := func(id string) {
		t.Helper()
		if r, err := w.desk.Reader(t.Context(), owner, id); err != nil || r.Removed == "" {
			t.Errorf("%s is there: %+v, %v", id, r, err)
		}
	}
	adopt("Shed")
	b.get(page+"?ask=take-back").shows(t, http.StatusOK, "Take shed back?", "nothing was given away", `name="fetched" value="false"`)
	b.post(page+"/take-back", "fetched", "false").shows(t, http.StatusOK, "Taken back: it waits again.", "Its door")
	gone("shed")
	b.get(page).shows(t, http.StatusOK, "Its door")
	if w.handOver(board, "") != nil {
		t.Error("it gets the bundle that was taken back")
	}

	adopt("Barn")
	asked := b.get(page + "?ask=take-back")
	asked.shows(t, http.StatusOK, "nothing was given away")
	if len(w.handOver(board, "")) == 0 {
		t.Fatal("it gets no bundle")
	}
	exposed := func() bool {
		u, err := w.desk.User(t.Context(), owner, 1)
		w.must(err)
		return u.Credentials[0].Exposed
	}
	b.post(page+"/take-back", "fetched", "false").shows(t, http.StatusUnprocessableEntity, "Its keys and settings were fetched meanwhile", "All PINs and cards are marked as exposed", `name="fetched" value="true"`)
	if r, err := w.desk.Reader(t.Context(), owner, "barn"); err != nil || r.Removed != "" || exposed() {
		t.Errorf("it was removed without a word of what that means: %+v, %v", r, err)
	}
	b.post(page+"/take-back", "fetched", "true").shows(t, http.StatusOK, "The reader was removed as lost.")
	gone("barn")
	if !exposed() {
		t.Error("what the board has is not marked as exposed")
	}
	b.get(page).shows(t, http.StatusNotFound, "It waits no longer")
}

func TestABoardIsAdoptedAndTakenBackOnlyAfterAFreshSignIn(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Super)
	board, page := w.waits("")
	w.pass(desk.FreshFor * 2)
	w.handOver(board, "")
	fields := []string{"fingerprint", board.Fingerprint(), "compared", "on", "which", "new", "door", "Shed", "place", "Annex", "access", "everyone"}
	b.get(page).shows(t, http.StatusOK, "Your password")
	b.post(page, fields...).shows(t, http.StatusUnprocessableEntity, "Enter your password again to go on.", `value="Shed"`, `value="everyone" required checked`)
	b.post(page, append(fields, "password", password)...).shows(t, http.StatusOK)
	w.pass(desk.FreshFor * 2)
	b.get(page+"?ask=take-back").shows(t, http.StatusOK, "Your password")
	b.post(page+"/take-back", "fetched", "false").shows(t, http.StatusUnprocessableEntity, "Enter your password again to go on.")
	b.post(page+"/take-back", "fetched", "false", "password", password).shows(t, http.StatusOK)
}

func TestABoardThatIsNoneOfAnApprovedMakersCannotBeAdopted(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	maker := boardtest.NewTPMMaker(t, "Maker of TPMs", nil, nil)
	board := boardtest.NewWithTPM(t, wire.TPMNonce{1})
	w.handOver(board, "")
	page := w.pageOf(board)
	b.get(page).shows(t, http.StatusOK, "It is taken at its word")
	_, err := w.desk.AddTPMAuthorities(t.Context(), owner, maker.PEM())
	w.must(err)
	b.get(page).shows(t, http.StatusOK, "has no certificate of its maker", `type="submit" disabled>Adopt`)
}

func TestWhoMayNotAdoptReadersHearsOfNoneThatWaits(t *testing.T) {
	w := small(t)
	_, page := w.waits("")
	for _, b := range []*browser{w.visitor(desk.Viewer), w.visitor(desk.Editor), w.limited(desk.Super, 1)} {
		for _, at := range []string{"/", "/devices"} {
			got := b.get(at)
			got.shows(t, http.StatusOK)
			got.lacks(t, "is waiting")
		}
		b.get(page).shows(t, http.StatusForbidden)
		for _, act := range []string{"", "/refuse", "/take-back"} {
			b.post(page+act, "fetched", "false").shows(t, http.StatusForbidden)
		}
	}
	if all, err := w.desk.WaitingReaders(t.Context(), owner); err != nil || len(all) != 1 {
		t.Errorf("%d wait, %v", len(all), err)
	}
}
