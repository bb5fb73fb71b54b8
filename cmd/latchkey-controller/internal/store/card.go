package store

import "latchkey/sync/wire"

// A Card is a card that has keys of the site, or was about to get some. Each of its keys
// is of generation OnCard, of one that was begun since, the newest of which is Pending, or,
// with Factory, of generation 0.
type Card struct {
	ID              [16]byte
	Chip            wire.CardChip
	OnCard          uint8  // generation of its keys; 0: the factory's
	Pending         uint8  // generation that was begun and not finished; 0: none
	Reader          string // that got the keys of generation Pending; "": a board that is no reader now
	Highest         uint8  // generation ever begun
	Factory         bool   // some keys may be the factory's, which everybody knows
	Epoch, Revision uint64 // the log's position from which on readers know its key; 0: they never did
}

// Card returns a card, or ErrNotFound.
func (t *Tx) Card(id [16]byte) (*Card, error) {
	c := Card{ID: id}
	return &c, t.row(`SELECT chip, on_card, pending, reader, highest, factory, epoch, revision FROM cards WHERE id = ?`, []any{id[:]},
		&c.Chip, &c.OnCard, &c.Pending, &c.Reader, &c.Highest, &c.Factory, &c.Epoch, &c.Revision)
}

// SetCard adds or replaces a card.
func (t *Tx) SetCard(c *Card) error {
	return t.exec(`INSERT INTO cards (id, chip, on_card, pending, reader, highest, factory, epoch, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET chip = excluded.chip, on_card = excluded.on_card, pending = excluded.pending, reader = excluded.reader,
			highest = excluded.highest, factory = excluded.factory, epoch = excluded.epoch, revision = excluded.revision`,
		c.ID[:], c.Chip, c.OnCard, c.Pending, c.Reader, c.Highest, c.Factory, c.Epoch, c.Revision)
}

// forgetCardReader notes that a reader is another board now, or none, than the one that
// got keys.
func (t *Tx) forgetCardReader(reader string) error {
	return t.exec(`UPDATE cards SET reader = '' WHERE reader = ?`, reader)
}

// SetCardKey updates the chip, generation and key of a user's card, which is no longer
// exposed, and appends the change to the log.
func (t *Tx) SetCardKey(now int64, u *User, c *Credential) error {
	if err := t.exec(`UPDATE credentials SET chip = ?, generation = ?, card_key = ?, exposed = 0 WHERE id = ?`, c.Chip, c.Generation, append([]byte{}, c.CardKey...), c.ID); err != nil {
		return err
	}
	return t.appendIfChanged(now, wire.Change{}, u.change(c))
}

// CountCards returns how many cards are assigned, and how many of them can be copied; of visitors'
// cards those only of visitors who are in one of some groups, nil: all.
func (t *Tx) CountCards(visitors []string) (cards, copyable int, err error) {
	const counted = `SELECT count(*), count(*) FILTER (WHERE chip = 0) FROM credentials WHERE kind = 2`
	if err = t.row(counted, nil, &cards, &copyable); err != nil || visitors == nil {
		return cards, copyable, err
	}
	var hidden, ofThem int
	err = t.row(counted+` AND `+ofUnseen, []any{list(visitors)}, &hidden, &ofThem)
	return cards - hidden, copyable - ofThem, err
}

// SetCardMaster stores the sealed card master key.
func (t *Tx) SetCardMaster(sealed []byte) error {
	return t.exec(`UPDATE site SET card_master = ?`, sealed)
}

// A FirstProven says what the site's first card that proves itself does to the policies.
type FirstProven int

// What it does.
const (
	FirstProvenIgnored FirstProven = 0 // nothing: administrators decide
	FirstProvenAwaited FirstProven = 1 // from then on, only such cards end a lockout
	FirstProvenNoted   FirstProven = 2 // it did
)

// FirstProven returns the site's FirstProven.
func (t *Tx) FirstProven() (f FirstProven, err error) {
	err = t.row(`SELECT first_proven FROM site`, nil, &f)
	return f, err
}

// SetFirstProven sets the site's FirstProven.
func (t *Tx) SetFirstProven(f FirstProven) error {
	return t.exec(`UPDATE site SET first_proven = ?`, f)
}
