package desfire

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Personalise gives a card the keys of the set to, or with generation 0 returns it to the
// factory's state, where every key is zero and a DESFire has no application of ours. Each key of
// the card may be of one of the sets in from, or already of the new one. It changes
// nothing on a card with a master key that is in none of the sets (ErrForeignKeys) or another UID
// than uid (ErrUnsuitable).
//
// A card may be taken away at any moment, and whether it did the last command is then unknown.
// Called again with the same sets, Personalise goes on from whatever state the card is in; it
// keeps no record, because the card shows which key it has by the authentication that works: each
// key is the old or the new one, never a mixture. (Observed on NTAG 424 DNA; no source says so of
// a DESFire.) The master key, in whose session the others change, is last.
//
// NTAG 424 DNA counts wrong keys and locks a key for good after 1000 without success (NT4H2421Gx
// section 10.5.1), so each key is looked for in six sets at most, once. The new set comes
// first, and after that the one in which the last key was found: a card whose keys are all of one
// old set sees one wrong key for each set that comes before it.
//
// Personalise never selects the card again by itself. It calls progress after each step.
func Personalise(ctx context.Context, c Card, chip Chip, uid []byte, to KeySet, from []KeySet, random io.Reader, progress func(done, of int)) error {
	p := &personalisation{
		card: c, chip: chip, uid: uid, to: to,
		sets:   slices.Concat([]KeySet{to}, from),
		random: random, progress: progress,
	}
	keys := 3
	switch chip {
	case NTAG424:
		keys = 5
	case EV1, EV2:
	default:
		return fmt.Errorf("%w: unknown chip %d", ErrUnsuitable, chip)
	}
	if len(p.sets) > 6 {
		return fmt.Errorf("%d sets of keys to try, not six", len(p.sets))
	}
	for i, set := range p.sets {
		if set.Generation != 0 && len(set.Keys) != keys {
			return fmt.Errorf("generation %d has %d keys, not %d", set.Generation, len(set.Keys), keys)
		}
		if i > 0 && set.Generation == to.Generation {
			return fmt.Errorf("generation %d would replace itself", to.Generation)
		}
	}
	switch {
	case chip == NTAG424:
		return p.ntag(ctx)
	case to.Generation == 0:
		return p.desfireToFactory(ctx)
	}
	return p.desfire(ctx)
}

// personalisation is one call of Personalise.
type personalisation struct {
	card     Card
	chip     Chip
	uid      []byte
	to       KeySet
	sets     []KeySet // where a key is looked for, the likeliest first
	random   io.Reader
	progress func(done, of int)
}

// place is where a card keeps a key.
type place struct {
	picc   bool // above the applications, not in ours
	number byte // there
	index  int  // in KeySet.Keys
}

// masterKey is the PICC master key of a DESFire. With it a stranger could delete our application.
var masterKey = place{picc: true}

func (w place) String() string {
	if w.picc {
		return "PICC master key"
	}
	return fmt.Sprintf("application key %d", w.number)
}

// desfire: the application first, then its keys 1 and 0, then the PICC master key.
func (p *personalisation) desfire(ctx context.Context) error {
	const steps = 5
	s, master, there, err := p.master(ctx)
	if err != nil {
		return err
	}
	p.progress(1, steps)
	if !there {
		if err := create(ctx, s); err != nil {
			return fmt.Errorf("create application: %w", err)
		}
	}
	p.progress(2, steps)
	// An application whose keys were never changed has zeros. That may be so in each state of
	// the PICC master key, if returning the card to the factory's state was interrupted.
	if !slices.ContainsFunc(p.sets, func(set KeySet) bool { return set.Generation == 0 }) {
		p.sets = append(p.sets, KeySet{})
	}
	key0, key1 := place{number: 0, index: 1}, place{number: 1, index: 2}
	_, of0, err := p.find(ctx, key0)
	if err != nil {
		return err
	}
	if err := p.changeOther(ctx, key1, key0, of0); err != nil {
		return err
	}
	p.progress(3, steps)
	if err := p.changeOwn(ctx, key0, of0); err != nil {
		return err
	}
	p.progress(4, steps)
	if err := p.changeOwn(ctx, masterKey, master); err != nil {
		return err
	}
	p.progress(5, steps)
	return nil
}

func (p *personalisation) desfireToFactory(ctx context.Context) error {
	const steps = 3
	s, master, there, err := p.master(ctx)
	if err != nil {
		return err
	}
	p.progress(1, steps)
	if there {
		if err := s.command(ctx, deleteApplication, aid[:]); err != nil {
			return fmt.Errorf("delete application: %w", err)
		}
	}
	p.progress(2, steps)
	if err := p.changeOwn(ctx, masterKey, master); err != nil {
		return err
	}
	p.progress(3, steps)
	return nil
}

// ntag: the keys 4 to 1, then key 0, in whose session all of them change (NT4H2421Gx section
// 10.6.1).
func (p *personalisation) ntag(ctx context.Context) error {
	const steps = 6
	key0 := place{number: 0, index: 0}
	s, of0, err := p.find(ctx, key0)
	if err != nil {
		return err
	}
	if err := checkUID(ctx, s, p.uid, ErrUnsuitable); err != nil {
		return err
	}
	p.progress(1, steps)
	for n := 4; n > 0; n-- {
		if err := p.changeOther(ctx, place{number: byte(n), index: n}, key0, of0); err != nil {
			return err
		}
		p.progress(6-n, steps)
	}
	if err := p.changeOwn(ctx, key0, of0); err != nil {
		return err
	}
	p.progress(6, steps)
	return nil
}

// master returns a session with the PICC master key of a DESFire, the set of which that is, and
// whether our application is there. The card has the right UID.
func (p *personalisation) master(ctx context.Context) (s session, of KeySet, there bool, err error) {
	err = enter(ctx, p.card, p.chip)
	there = err == nil
	if refused := status(0); err != nil && !(errors.As(err, &refused) && refused == applicationNotFound) {
		return nil, KeySet{}, false, fmt.Errorf("select application: %w", err)
	}
	if s, of, err = p.find(ctx, masterKey); err != nil {
		return nil, KeySet{}, false, err
	}
	return s, of, there, checkUID(ctx, s, p.uid, ErrUnsuitable)
}

// create makes our application: two AES keys, no files. Key 0 changes all keys, and settings and
// list can be read freely (settings 0B).
func create(ctx context.Context, s session) error {
	err := s.command(ctx, createApplication, append(aid[:], 0x0B, 0x82))
	if full := status(0); errors.As(err, &full) && (full == outOfMemory || full == countError || full == permissionDenied) {
		return fmt.Errorf("%w: %v", ErrUnsuitable, err)
	}
	return err
}

// find returns a session with the key at a place, and the set of which that key is.
func (p *personalisation) find(ctx context.Context, at place) (session, KeySet, error) {
	for i, set := range p.sets {
		s, err := p.open(ctx, at, set)
		if wrong := status(0); errors.As(err, &wrong) && (wrong == authenticationError || wrong == noSuchKey) {
			continue // a DES key may count as no AES key
		}
		if err != nil {
			return nil, KeySet{}, err
		}
		copy(p.sets[1:i+1], p.sets[:i])
		p.sets[0] = set
		return s, set, nil
	}
	return nil, KeySet{}, fmt.Errorf("%w: %v", ErrForeignKeys, at)
}

// open authenticates with a set's key.
func (p *personalisation) open(ctx context.Context, at place, of KeySet) (session, error) {
	if !at.picc {
		if err := enter(ctx, p.card, p.chip); err != nil {
			return nil, fmt.Errorf("select application: %w", err)
		}
	} else if err := exchangeOnly(ctx, p.card, selectApplication, picc[:]); err != nil {
		return nil, fmt.Errorf("select PICC: %w", err)
	}
	if at.picc && of.Generation == 0 {
		s, err := authenticateEV1(ctx, p.card, at.number, desBlock([8]byte{}), p.random)
		if err != nil {
			return nil, fmt.Errorf("authenticate with DES: %w", err)
		}
		return s, nil
	}
	key := of.key(at)
	return authenticate(ctx, p.card, p.chip, at.number, &key, p.random)
}

// changeOther sets a key in a session of the key 0 of its application, unless it is set already.
func (p *personalisation) changeOther(ctx context.Context, at, key0 place, of0 KeySet) error {
	_, of, err := p.find(ctx, at)
	if err != nil || of.Generation == p.to.Generation {
		return err
	}
	s, err := p.open(ctx, key0, of0)
	if err != nil {
		return err
	}
	was, new := of.key(at), p.to.key(at)
	var mixed Key
	subtle.XORBytes(mixed[:], was[:], new[:])
	if err := s.changeKey(ctx, at.number, append(mixed[:], p.to.Generation), checksum(new[:])); err != nil {
		return fmt.Errorf("change %v: %w", at, err)
	}
	_, err = p.open(ctx, at, p.to)
	return err
}

// changeOwn sets a key in a session of its own, unless it is set already.
func (p *personalisation) changeOwn(ctx context.Context, at place, of KeySet) error {
	if of.Generation == p.to.Generation {
		return nil
	}
	s, err := p.open(ctx, at, of)
	if err != nil {
		return err
	}
	new, number := p.to.key(at), at.number
	data := append(new[:], p.to.Generation)
	if at.picc && p.to.Generation == 0 {
		data = new[:] // a DES key has its version in its parity bits
	} else if at.picc {
		number |= 0x80 // which makes the PICC master key an AES key
	}
	if err := s.changeKey(ctx, number, data, nil); err != nil {
		return fmt.Errorf("change %v: %w", at, err)
	}
	_, err = p.open(ctx, at, p.to)
	return err
}

func (k KeySet) key(at place) Key {
	if k.Generation == 0 {
		return Key{}
	}
	return k.Keys[at.index]
}
