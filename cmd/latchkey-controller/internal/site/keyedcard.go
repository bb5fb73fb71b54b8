package site

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Keying is one change of all keys of a card. It begins in one transaction, durably,
// before a reader gets the keys, and ends in another one, after the reader has written
// them. If it does not end, the next one of the same card goes on from there.
type Keying struct {
	Card [16]byte // id in the database
	To   uint8    // generation; 0: the factory's keys
	UID  []byte   // of the card

	chip       wire.CardChip
	user       uint64 // whose it is or will be
	credential uint64 // 0: it is nobody's yet
	known      bool   // it is the card that was asked for, or it has proved itself
}

// Wipe erases the card's UID; a nil k is fine.
func (k *Keying) Wipe() {
	if k != nil {
		clear(k.UID)
	}
}

// Known says whether the card is its user's already. Otherwise it is whatever somebody has
// shown, even if it has the number of a card of theirs that can be copied.
func (k *Keying) Known() bool { return k.known }

// BeginKeys notes that a card for a user is about to get new keys from a reader, and
// returns the keys, which the caller wipes. credential says which of the user's cards it
// has to be; 0: any card that is nobody else's.
func (s *Site) BeginKeys(tx *store.Tx, user, credential uint64, reader string, card *wire.CardToKey) (*Keying, *wire.CardKeySets, error) {
	if _, err := User(tx, user); err != nil {
		return nil, nil, err
	}
	k, row, owned, err := s.keying(tx, card)
	if err != nil {
		return nil, nil, err
	}
	if err := owned.by(user, credential, card.UID); err != nil {
		return nil, nil, err
	}
	if row.OnCard != 0 && row.Chip != k.chip {
		return nil, nil, errOtherChip
	}
	from := generations(row, card)
	tells := len(card.Generations) > 0
	if tells && slices.Max(card.Generations) == 0 && !row.Factory {
		return nil, nil, errAsNew
	}
	// Keys that another reader was sent may be known to it: they are replaced, unless some
	// keys of the card may be of that generation and nobody can say which.
	if row.Pending == 0 || row.Reader != reader && tells {
		if row.Highest == 255 {
			return nil, nil, language.Say("this card has got new keys 255 times and cannot get others; use another card")
		}
		row.Highest++
		row.Pending = row.Highest
	}
	row.Chip, row.Reader, k.To, k.user = k.chip, reader, row.Pending, user
	if owned.credential != nil {
		k.credential = owned.credential.ID
		k.known = credential != 0 || owned.credential.Chip != 0
	}
	return s.begin(tx, k, row, from)
}

var errAsNew = language.Say("this card is as it came from the factory, and should have keys of this site: it may be a copy; if you are sure that it is not, give it back first, and start again")

var errOtherChip = language.Say("this card answers as another kind of card than when it got its keys: it may be a copy; use another card")

// BeginReturn removes a user's card from the user, so that it opens nothing more, and
// returns the sets of keys that bring it back to its factory state; the caller wipes
// them. credential 0: a card of nobody, which has keys of this site.
func (s *Site) BeginReturn(tx *store.Tx, now time.Time, user, credential uint64, card *wire.CardToKey) (*Keying, *wire.CardKeySets, error) {
	k, row, owned, err := s.keying(tx, card)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case credential == 0 && owned.credential != nil:
		return nil, nil, language.Say("the card %s is already assigned; take it from its user instead", MaskUID(card.UID)).Because(ErrCardTaken)
	case credential != 0:
		if err := owned.by(user, credential, card.UID); err != nil {
			return nil, nil, err
		}
	}
	from := generations(row, card)
	if row.OnCard == 0 && row.Pending == 0 && len(from) == 0 {
		return nil, nil, language.Say("this card has no keys of this site; there is nothing to take back")
	}
	if row.Chip != k.chip {
		return nil, nil, errOtherChip
	}
	if owned.credential != nil {
		if err := tx.RemoveCredential(now.Unix(), owned.credential); err != nil {
			return nil, nil, err
		}
	}
	row.Factory = true
	return s.begin(tx, k, row, from)
}

// keying returns what is known about a card.
func (s *Site) keying(tx *store.Tx, card *wire.CardToKey) (*Keying, *store.Card, *ownedCard, error) {
	if err := CheckUID(card.UID); err != nil {
		return nil, nil, nil, err
	}
	chip, err := chipOf(card)
	if err != nil {
		return nil, nil, nil, err
	}
	master, err := s.cardMaster(tx)
	if err != nil {
		return nil, nil, nil, err
	}
	defer master.wipe()
	k := &Keying{Card: master.id(card.UID), UID: bytes.Clone(card.UID), chip: chip}
	row, err := tx.Card(k.Card)
	if errors.Is(err, store.ErrNotFound) {
		row, err = &store.Card{ID: k.Card, Chip: chip, Factory: true}, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	owned, err := s.ownedCard(tx, card.UID)
	return k, row, owned, err
}

// An ownedCard says whose a card is.
type ownedCard struct{ credential *store.Credential } // nil: nobody's

func (s *Site) ownedCard(tx *store.Tx, uid []byte) (*ownedCard, error) {
	tag, err := s.tag(tx, wire.Card, uid)
	if err != nil {
		return nil, err
	}
	c, err := tx.CredentialTagged(tag)
	if errors.Is(err, store.ErrNotFound) {
		return new(ownedCard), nil
	}
	return &ownedCard{c}, err
}

// by returns why a card is not the card of a user that is meant.
func (o *ownedCard) by(user, credential uint64, uid []byte) error {
	switch {
	case credential != 0 && (o.credential == nil || o.credential.ID != credential):
		return language.Say("the card %s is another card; show the one that you have chosen", MaskUID(uid))
	case o.credential != nil && o.credential.User != user:
		return language.Say("the card %s is already assigned; remove it there first", MaskUID(uid)).Because(ErrCardTaken)
	}
	return nil
}

// newer is how many generations a card may be ahead of the database, which may have been
// restored from a backup.
const newer = 16

// generations returns the generations, above 0, of which a card's keys may be, the newest
// first: what it tells, which is not proven, without those that cannot be, or what the row
// says if it does not tell. The row notes a newer one than it knew of.
func generations(row *store.Card, card *wire.CardToKey) []uint8 {
	all := slices.Clone(card.Generations)
	if len(all) == 0 {
		all = []uint8{row.Pending, row.OnCard}
	}
	all = slices.DeleteFunc(all, func(g uint8) bool { return g == 0 || int(g) > int(row.Highest)+newer })
	slices.Sort(all)
	slices.Reverse(all)
	all = slices.Compact(all)
	if len(all) > 0 && all[0] > row.Highest {
		row.Highest, row.Pending = all[0], 0
	}
	return all
}

// begin notes what is known about a card from now on, and returns its Keying with the keys
// that it gets, and those that it may have, of some generations.
// The factory's are among these only if they may be on this card: otherwise somebody with
// a copy of its UID could have its new keys.
func (s *Site) begin(tx *store.Tx, k *Keying, row *store.Card, from []uint8) (*Keying, *wire.CardKeySets, error) {
	if err := tx.SetCard(row); err != nil {
		return nil, nil, err
	}
	master, err := s.cardMaster(tx)
	if err != nil {
		return nil, nil, err
	}
	defer master.wipe()
	sets := &wire.CardKeySets{UID: bytes.Clone(k.UID), Chip: k.chip, To: master.set(k.UID, k.chip, k.To)}
	for _, generation := range from {
		if generation != k.To {
			sets.From = append(sets.From, master.set(k.UID, k.chip, generation))
		}
	}
	if row.Factory && k.To != 0 {
		sets.From = append(sets.From, wire.KeySet{})
	}
	if len(sets.From) > k.chip.Keys() {
		sets.Wipe()
		return nil, nil, language.Say("this card tells of more keys than it can have: it may be a copy; use another card")
	}
	return k, sets, nil
}

// GiveKeyed gives a user the card of a Keying, which has its keys: the one that they had,
// or a new one. by is who assigns it. began says that it was the site's first card that
// proves itself, and from now on only such cards end a lockout.
func (s *Site) GiveKeyed(tx *store.Tx, now time.Time, by string, k *Keying) (began bool, err error) {
	u, err := User(tx, k.user)
	if err != nil {
		return false, err
	}
	row, err := tx.Card(k.Card)
	if err != nil {
		return false, err
	}
	if row.OnCard != k.To {
		return false, ErrOtherKeys
	}
	owned, err := s.ownedCard(tx, k.UID)
	if err != nil {
		return false, err
	}
	if k.credential != 0 && owned.credential == nil {
		return false, absent("the card was removed meanwhile; give it to its user again")
	}
	if err := owned.by(k.user, k.credential, k.UID); err != nil {
		return false, err
	}
	c := owned.credential
	if c == nil {
		c = &store.Credential{Kind: wire.Card, By: by}
	}
	c.Chip, c.Generation = k.chip, k.To
	keys, err := s.tagKeys(tx)
	if err != nil {
		return false, err
	}
	master, err := s.cardMaster(tx)
	if err != nil {
		return false, err
	}
	defer master.wipe()
	if c.CardKey, err = master.wrap(keys, c, k.UID); err != nil {
		return false, err
	}
	if c.ID == 0 {
		err = s.storeCredential(tx, now, u, c, k.UID)
	} else {
		err = tx.SetCardKey(now.Unix(), u, c)
	}
	if err != nil {
		return false, err
	}
	head, err := tx.Head()
	if err != nil {
		return false, err
	}
	row.Epoch, row.Revision = head.Epoch, head.Revision
	if err := tx.SetCard(row); err != nil {
		return false, err
	}
	return noteFirstProven(tx, now)
}

// ErrOtherKeys says that a card has other keys than it was about to get.
var ErrOtherKeys = language.Say("this card has got other keys meanwhile; do it again")

// EndKeys notes that a reader has written the keys of a Keying to its card. A pending
// generation stays pending unless it is the one: a reader that was told to write it may
// still do so.
func EndKeys(tx *store.Tx, k *Keying) error {
	row, err := tx.Card(k.Card)
	if err != nil {
		return err
	}
	if k.To != 0 && row.Pending != k.To && row.OnCard != k.To {
		return ErrOtherKeys
	}
	row.OnCard, row.Factory = k.To, k.To == 0
	if row.Pending == k.To {
		row.Pending = 0
	}
	return tx.SetCard(row)
}
