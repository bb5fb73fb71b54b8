package sim

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// maxKept is how many cards the drawer holds: the one that was used longest ago goes.
const maxKept = 64

// maxDrawerFile bounds the file that is read.
const maxDrawerFile = 16 << 20

// drawer holds the cards with a chip that were laid on the reader, the last one first.
type drawer struct {
	path  string // of the file that keeps them; empty: none
	saved []byte // what is in it
	cards []*Memory
}

// KeepCards reads the drawer of cards from a file, if there is one, and writes it back
// whenever a card in it has changed.
func (b *Board) KeepCards(path string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	cards, err := readDrawer(path)
	if err != nil {
		return fmt.Errorf("the drawer of cards: %w: correct the file, or remove it to begin with an empty drawer", err)
	}
	b.drawer = drawer{path: path, cards: cards}
	return b.drawer.save()
}

func readDrawer(path string) ([]*Memory, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDrawerFile))
	if err != nil {
		return nil, err
	}
	var cards []*Memory
	err = json.Unmarshal(text, &cards)
	if err == nil && slices.Contains(cards, nil) {
		err = errors.New("a card is null")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cards, nil
}

// save writes the drawer to its file if it has changed. The old file stays whole until
// the new one is.
func (d *drawer) save() error {
	if d.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(d.cards, "", "\t")
	if err != nil || bytes.Equal(text, d.saved) {
		return err
	}
	if err := os.WriteFile(d.path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(d.path+".new", d.path); err != nil {
		return err
	}
	d.saved = text
	return nil
}

// keep saves the drawer after something has happened to a card. What cannot be written
// is written with the next change.
func (b *Board) keep() {
	if err := b.drawer.save(); err != nil {
		b.log.Warn("sim: the drawer of cards is not saved", "error", err)
	}
}

// take returns the card of that kind and UID from the drawer, which has it in front
// then, or a new one. Without a UID it is a new card with one of its own.
func (d *drawer) take(uid []byte, kind Kind) (Card, error) {
	if uid == nil {
		uid = make([]byte, 7)
		rand.Read(uid)
		uid[0] = 0x04 // NXP
	}
	var memory *Memory
	if at := slices.IndexFunc(d.cards, func(m *Memory) bool { return m.kind == kind && bytes.Equal(m.uid, uid) }); at >= 0 {
		memory = d.cards[at]
		d.cards = slices.Delete(d.cards, at, at+1)
	} else {
		var err error
		if memory, err = NewMemory(kind, uid); err != nil {
			return Card{}, err
		}
	}
	d.cards = slices.Insert(d.cards, 0, memory)
	d.cards = d.cards[:min(len(d.cards), maxKept)]
	return Card{UID: uid, Kind: kind, Memory: memory}, nil
}

// hasChip reports whether the drawer holds cards of the kind.
func (k Kind) hasChip() bool { return k >= D40 }

// lay lays a card on the reader for the page: one with a chip from the drawer. It is
// torn away after tear bytes of APDUs; negative: it stays.
func (b *Board) lay(uid []byte, kind Kind, tear int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.errClosed("card")
	}
	card := Card{UID: uid, Kind: kind}
	if kind.hasChip() {
		var err error
		if card, err = b.drawer.take(uid, kind); err != nil {
			return err
		}
		b.keep()
	}
	p, err := newPICC(card)
	if err != nil {
		return err
	}
	b.nfc.present(p)
	b.nfc.rf.card.tear = tear
	return nil
}

// cardLabel is what a person sees of a card.
type cardLabel struct {
	UID  string `json:"uid"`
	Kind Kind   `json:"kind"`
}

// keptCards lists the drawer, the card that was used last first.
func (b *Board) keptCards() []cardLabel {
	b.mu.Lock()
	defer b.mu.Unlock()
	labels := []cardLabel{}
	for _, m := range b.drawer.cards {
		labels = append(labels, cardLabel{hex.EncodeToString(m.uid), m.kind})
	}
	return labels
}
