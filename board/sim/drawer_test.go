package sim

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// onReader is the kind of card that lies there, and its memory; nil: no chip.
func (b *Board) onReader() *inField {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nfc.rf.card
}

func TestACardWithAChipIsTheSameOneWhenItComesAgain(t *testing.T) {
	w := serve(t, Page{})
	w.wants(204, "PUT", "/api/card", `{"kind":"desfire-ev3"}`)
	first := w.board.onReader()
	uid := hex.EncodeToString(first.uid)
	memory := w.board.drawer.cards[0]
	w.wants(204, "PUT", "/api/card", `{"kind":"ntag424"}`)
	if second := w.board.onReader(); len(second.uid) != 7 || bytes.Equal(second.uid, first.uid) || second.ats[1] != 0x77 {
		t.Errorf("a new NTAG 424: UID %X, ATS % X", second.uid, second.ats)
	}
	w.wants(204, "DELETE", "/api/card", "")
	w.wants(204, "PUT", "/api/card", fmt.Sprintf(`{"uid":%q,"kind":"desfire-ev3"}`, uid))
	if cards := w.board.drawer.cards; len(cards) != 2 || cards[0] != memory || !bytes.Equal(w.board.onReader().uid, first.uid) {
		t.Errorf("%d cards in the drawer, the first is %v", len(cards), cards[0].uid)
	}
	w.wants(204, "PUT", "/api/card", fmt.Sprintf(`{"uid":%q,"kind":"copy"}`, uid))
	if c := w.board.onReader(); c.applet != nil || c.ats == nil || !bytes.Equal(c.uid, first.uid) {
		t.Errorf("a copy: %+v", c)
	}
	w.wants(204, "PUT", "/api/card", fmt.Sprintf(`{"uid":%q}`, uid))
	if c := w.board.onReader(); c.applet != nil || c.ats != nil {
		t.Errorf("a card of which only the UID is known: %+v", c)
	}
	if n := len(w.board.drawer.cards); n != 2 {
		t.Errorf("%d cards in the drawer: copies are in it", n)
	}
}

func TestWrongCardsAreRefused(t *testing.T) {
	w := serve(t, Page{})
	for _, body := range []string{
		`{"kind":"copy"}`, `{"kind":"uid"}`, `{"kind":"desfire-ev4"}`, `{"uid":"01020304","kind":"desfire-ev3"}`,
		`{"kind":"desfire-ev3","tear":0}`, `{"kind":"desfire-ev3","tear":-1}`, `{"kind":"desfire-ev3","tear":1048577}`,
	} {
		w.wants(400, "PUT", "/api/card", body)
	}
	if w.board.cardUID() != nil || len(w.board.drawer.cards) != 0 {
		t.Error("a refused call did something")
	}
	w.wants(204, "PUT", "/api/card", `{"kind":"desfire-ev3","tear":7}`)
	if c := w.board.onReader(); c.tear != 7 {
		t.Errorf("torn away after %d bytes, want 7", c.tear)
	}
}

func TestTheDrawerIsBounded(t *testing.T) {
	b := New(nil)
	defer b.Close()
	for i := range 2 * maxKept {
		if err := b.lay([]byte{4, 0, 0, 0, 0, 0, byte(i)}, NTAG424, -1); err != nil {
			t.Fatal(err)
		}
	}
	if cards := b.keptCards(); len(cards) != maxKept || cards[0].UID != "0400000000007f" {
		t.Errorf("%d cards, the first %v", len(cards), cards[0])
	}
}

func TestTheDrawerSurvivesTheProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cards.json")
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	first := New(nil)
	defer first.Close()
	if err := first.KeepCards(path); err != nil {
		t.Fatal(err)
	}
	if err := first.lay(uid, DESFireEV3, -1); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	want, _ := json.Marshal(first.drawer.cards)

	second := New(nil)
	defer second.Close()
	if err := second.KeepCards(path); err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal(second.drawer.cards); !bytes.Equal(got, want) {
		t.Errorf("the drawer was %s and is %s", want, got)
	}
	if err := second.lay(uid, DESFireEV3, -1); err != nil || len(second.drawer.cards) != 1 {
		t.Errorf("%v, %d cards", err, len(second.drawer.cards))
	}
}

func TestWhatIsWrittenToACardIsInTheFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cards.json")
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		if err := n.b.KeepCards(path); err != nil {
			t.Fatal(err)
		}
		n.up()
		if err := n.b.lay(uid7, DESFireEV3, -1); err != nil {
			t.Fatal(err)
		}
		n.wants(chipListed, 0x4A, 0x01, 0x00)
		// GetVersion, CreateApplication
		n.wants([]byte{0x41, 0x00, 0x04, 0x01, 0x01, 0x33, 0x00, 0x18, 0x05, 0x91, 0xAF}, 0x40, 0x01, 0x90, 0x60, 0x00, 0x00, 0x00)
		n.call(0x40, 0x01, 0x90, 0xAF, 0x00, 0x00, 0x00)
		n.call(0x40, 0x01, 0x90, 0xAF, 0x00, 0x00, 0x00)
		n.wants([]byte{0x41, 0x00, 0x91, 0x00}, 0x40, 0x01, 0x90, 0xCA, 0x00, 0x00, 0x05, 0xF4, 0x4C, 0x4B, 0x0B, 0x82, 0x00)
		n.clean()
	})
	again := New(nil) // after a crash: nothing was closed in between
	defer again.Close()
	if err := again.KeepCards(path); err != nil {
		t.Fatal(err)
	}
	if m := again.drawer.cards[0]; len(m.apps) != 1 || !bytes.Equal(m.apps[0].AID, []byte{0xF4, 0x4C, 0x4B}) {
		t.Errorf("%d applications are left", len(m.apps))
	}
}

func TestADamagedDrawerIsRefusedAndLeftAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cards.json")
	for _, text := range []string{
		`{`, `{}`, `[null]`, `[{}]`, `[{"Kind":"moon","UID":"04010203040506"}]`, `[{"Kind":"desfire-ev3","UID":"04010203040506"}]`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b := New(nil)
		err := b.KeepCards(path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%s: %v", text, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%s: became %s", text, got)
		}
		b.Close()
	}
}
