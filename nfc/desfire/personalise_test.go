package desfire

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
)

func generation(chip Chip, g byte) KeySet {
	set := KeySet{Generation: g}
	n := 3
	if chip == NTAG424 {
		n = 5
	}
	for i := range n {
		set.Keys = append(set.Keys, Key{g, byte(i), 3: 0xAA, 15: byte(chip)})
	}
	return set
}

// has fails unless the card has the keys and versions of the set, and no application of ours in
// the factory's state.
func has(t *testing.T, c *modelCard, set KeySet) {
	t.Helper()
	want := with(c.chip, set)
	if c.master != want.master || !slices.Equal(c.app, want.app) {
		t.Fatalf("card has %v, %v, want generation %d", c.master, c.app, set.Generation)
	}
}

func quiet(int, int) {}

// journeys are the ways in which a card of the site changes.
func journeys(chip Chip) map[string]struct {
	is, to KeySet
	from   []KeySet
} {
	g := func(n byte) KeySet { return generation(chip, n) }
	return map[string]struct {
		is, to KeySet
		from   []KeySet
	}{
		"new card":       {KeySet{}, g(1), []KeySet{{}}},
		"new after torn": {KeySet{}, g(1), []KeySet{{}, g(2)}},
		"rekey":          {g(1), g(2), []KeySet{g(1)}},
		"rekey after":    {g(1), g(3), []KeySet{g(2), g(1)}},
		"return":         {g(4), KeySet{}, []KeySet{g(4)}},
		"return pending": {g(4), KeySet{}, []KeySet{g(5), g(4)}},
		"many readers":   {g(1), g(7), []KeySet{g(6), g(5), g(4), g(3), g(1)}},
		"again":          {g(4), g(4), []KeySet{{}}},
		"factory again":  {KeySet{}, KeySet{}, []KeySet{g(1)}},
	}
}

func forChips(t *testing.T, test func(t *testing.T, chip Chip)) {
	for name, chip := range map[string]Chip{"EV1": EV1, "EV2": EV2, "NTAG 424": NTAG424} {
		t.Run(name, func(t *testing.T) { test(t, chip) })
	}
}

func TestPersonaliseSetsAllKeysWithFewWrongOnes(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		for name, j := range journeys(chip) {
			card := with(chip, j.is)
			last, steps := 0, 0
			progress := func(done, of int) {
				if done != last+1 || done > of {
					t.Errorf("%s: %d of %d after %d", name, done, of, last)
				}
				last, steps = done, of
			}
			if err := Personalise(t.Context(), card, chip, card.uid, j.to, j.from, rand.Reader, progress); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			has(t, card, j.to)
			if card.changed != (j.is.Generation != j.to.Generation) {
				t.Errorf("%s: changed %v", name, card.changed)
			}
			if last != steps {
				t.Errorf("%s: ended at %d of %d", name, last, steps)
			}
			wrong := 0
			for _, n := range card.wrong {
				wrong += n
			}
			if wrong > len(j.from) {
				t.Errorf("%s: tried wrong keys: %v", name, card.wrong)
			}
			if j.to.Generation != 0 {
				key := j.to.key(place{index: map[Chip]int{EV1: 2, EV2: 2, NTAG424: 1}[chip]})
				if err := Prove(t.Context(), card, chip, &key, card.uid, rand.Reader); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
}

// Wherever the card is taken away, once or twice, with the last command done or not, calling
// again with the same sets finishes, and so does returning the card to the factory's state or
// giving it a further generation.
func TestPersonaliseGoesOnAfterEveryTear(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		for name, j := range journeys(chip) {
			for first := 1; ; first++ {
				torn := false
				for _, lose := range []bool{false, true} {
					for _, then := range []string{"again", "further", "factory", "torn again"} {
						card := with(chip, j.is)
						card.tear, card.lose = first, lose
						err := Personalise(t.Context(), card, chip, card.uid, j.to, j.from, rand.Reader, quiet)
						if err == nil {
							continue
						}
						torn = true
						what := fmt.Sprintf("%s, taken away at exchange %d, done %v, then %s", name, first, lose, then)
						if !errors.Is(err, errRadio) {
							t.Fatalf("%s: %v", what, err)
						}
						card.present()
						clear(card.wrong)
						to, from := j.to, j.from
						switch {
						case then == "torn again":
							card.tear, card.lose = 1+first/2, !lose
							err = Personalise(t.Context(), card, chip, card.uid, to, from, rand.Reader, quiet)
							if err != nil && !errors.Is(err, errRadio) {
								t.Fatalf("%s: %v", what, err)
							}
							card.present()
							clear(card.wrong)
						case then == "further" && to.Generation != 0:
							to, from = generation(chip, 9), []KeySet{j.is, j.to}
						case then == "factory" && to.Generation != 0:
							to, from = KeySet{}, nil
							for _, set := range []KeySet{j.to, j.is} {
								if set.Generation != 0 {
									from = append(from, set)
								}
							}
						}
						if err := Personalise(t.Context(), card, chip, card.uid, to, from, rand.Reader, quiet); err != nil {
							t.Fatalf("%s: %v", what, err)
						}
						has(t, card, to)
						for at, n := range card.wrong {
							if n > max(2, len(from)) {
								t.Errorf("%s: %d wrong keys for %s", what, n, at)
							}
						}
					}
				}
				if !torn {
					break
				}
			}
		}
	})
}

// Returning a card was interrupted with the application gone, and the site changed its mind; the
// new application was interrupted too.
func TestPersonaliseFindsAnApplicationWithoutKeys(t *testing.T) {
	card := with(EV2, generation(EV2, 3))
	card.app = make([]modelKey, 2)
	to := generation(EV2, 5)
	from := []KeySet{generation(EV2, 3), generation(EV2, 4)}
	if err := Personalise(t.Context(), card, EV2, card.uid, to, from, rand.Reader, quiet); err != nil {
		t.Fatal(err)
	}
	has(t, card, to)
}

func TestPersonaliseChangesNothingOnACardOfSomebodyElse(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		sets := []KeySet{{}, generation(chip, 1)}
		for name, card := range map[string]*modelCard{
			"all keys foreign": with(chip, generation(chip, 7)),
			"application foreign": func() *modelCard {
				c := with(chip, generation(chip, 7))
				c.master = modelKey{des: true}
				return c
			}(),
		} {
			err := Personalise(t.Context(), card, chip, card.uid, generation(chip, 2), sets, rand.Reader, quiet)
			if !errors.Is(err, ErrForeignKeys) || card.changed {
				t.Errorf("%s: %v, changed %v", name, err, card.changed)
			}
			for at, n := range card.wrong {
				if n > 3 {
					t.Errorf("%s: %d wrong keys for %s", name, n, at)
				}
			}
		}
	})
}

func TestPersonaliseRefusesACardThatShowsAnotherUID(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		for _, shown := range []string{"08112233", "04112233445567", ""} {
			card := factory(chip)
			err := Personalise(t.Context(), card, chip, unhex(shown), generation(chip, 1), []KeySet{{}}, rand.Reader, quiet)
			if !errors.Is(err, ErrUnsuitable) || card.changed {
				t.Errorf("%q: %v, changed %v", shown, err, card.changed)
			}
		}
	})
}

func TestPersonaliseRefusesACardWithoutRoom(t *testing.T) {
	card := factory(EV2)
	card.full = true
	err := Personalise(t.Context(), card, EV2, card.uid, generation(EV2, 1), []KeySet{{}}, rand.Reader, quiet)
	if !errors.Is(err, ErrUnsuitable) || card.changed {
		t.Errorf("%v, changed %v", err, card.changed)
	}
}

func TestPersonaliseRefusesSetsThatCannotBe(t *testing.T) {
	g := func(n byte) KeySet { return generation(EV2, n) }
	for name, v := range map[string]struct {
		chip Chip
		to   KeySet
		from []KeySet
	}{
		"too many":       {EV2, g(1), []KeySet{g(2), g(3), g(4), g(5), g(6), g(7)}},
		"itself":         {EV2, g(1), []KeySet{{}, g(1)}},
		"short":          {EV2, KeySet{Generation: 1, Keys: make([]Key, 2)}, []KeySet{{}}},
		"short old":      {NTAG424, generation(NTAG424, 2), []KeySet{g(1)}},
		"no such chip":   {4, g(1), []KeySet{{}}},
		"no chip at all": {0, g(1), []KeySet{{}}},
	} {
		if name == "itself" {
			v.to = KeySet{Generation: 1, Keys: []Key{{1}, {2}, {3}}}
		}
		card := factory(EV2)
		err := Personalise(t.Context(), card, v.chip, card.uid, v.to, v.from, rand.Reader, quiet)
		if err == nil || card.exchanges > 0 {
			t.Errorf("%s: %v after %d exchanges", name, err, card.exchanges)
		}
	}
}

// A card whose answers are changed on the way is never wrongly taken for personalised, and the
// next call finishes.
func TestPersonaliseNoticesTampering(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		to, from := generation(chip, 1), []KeySet{{}}
		for at := 1; ; at++ {
			card := factory(chip)
			card.tamper = func(exchange int, reply []byte) []byte {
				if exchange == at {
					reply[0] ^= 1
				}
				return reply
			}
			err := Personalise(t.Context(), card, chip, card.uid, to, from, rand.Reader, quiet)
			if card.exchanges < at {
				break
			}
			if err == nil { // it was the challenge for a wrong key
				has(t, card, to)
			}
			card.tamper = nil
			card.present()
			if err := Personalise(t.Context(), card, chip, card.uid, to, from, rand.Reader, quiet); err != nil {
				t.Fatalf("again after exchange %d: %v", at, err)
			}
		}
	})
}

// The answer to a changed own key has no MAC, so it proves nothing, and a card may fail to write.
func TestPersonaliseProvesEachKey(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		for nth := 1; nth <= map[Chip]int{EV1: 3, EV2: 3, NTAG424: 5}[chip]; nth++ {
			card := factory(chip)
			card.forgets = nth
			err := Personalise(t.Context(), card, chip, card.uid, generation(chip, 1), []KeySet{{}}, rand.Reader, quiet)
			if !errors.Is(err, ErrNotGenuine) || card.changes != nth {
				t.Errorf("key %d was not written: %v after %d changes", nth, err, card.changes)
			}
		}
	})
}

// No source says what a card answers to AES if its key is a DES key.
func TestPersonaliseTriesAESOnADESKey(t *testing.T) {
	for _, answer := range []status{authenticationError, noSuchKey} {
		for _, chip := range []Chip{EV1, EV2} {
			card := factory(chip)
			card.otherKind = answer
			if err := Personalise(t.Context(), card, chip, card.uid, generation(chip, 1), []KeySet{{}}, rand.Reader, quiet); err != nil {
				t.Errorf("%v: %v", answer, err)
			}
		}
	}
}

// Only "this is not my key" leads to the next key; a card that asks for a pause, or that answers
// nonsense, is left alone at once.
func TestPersonaliseStopsAtOtherRefusals(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		first := map[Chip]int{EV1: 3, EV2: 3, NTAG424: 2}[chip] // exchange of the first authentication
		for _, v := range []struct {
			exchange int
			refusal  status
		}{{first, authenticationDelay}, {first, permissionDenied}, {first, unknownCommand}, {1, permissionDenied}} {
			card := factory(chip)
			card.tamper = func(exchange int, reply []byte) []byte {
				if exchange == v.exchange {
					return []byte{0x91, byte(v.refusal)}
				}
				return reply
			}
			err := Personalise(t.Context(), card, chip, card.uid, generation(chip, 1), []KeySet{{}}, rand.Reader, quiet)
			want := ErrNotGenuine
			if v.refusal == authenticationDelay && chip != EV1 {
				want = ErrDelayed
			}
			if !errors.Is(err, want) || card.exchanges != v.exchange {
				t.Errorf("%v at exchange %d: %v after %d", v.refusal, v.exchange, err, card.exchanges)
			}
		}
	})
}

// The commands that are never under a key, as a card of the factory gets them.
func TestPersonaliseNamesTheApplication(t *testing.T) {
	card := &answers{reply: func(sent [][]byte) []byte {
		if len(sent) == 1 {
			return []byte{0x91, 0xA0}
		}
		return []byte{0x91, 0x9D}
	}}
	if err := Personalise(t.Context(), card, EV2, make([]byte, 7), generation(EV2, 1), []KeySet{{}}, rand.Reader, quiet); err == nil {
		t.Fatal("no error")
	}
	if len(card.sent) != 2 {
		t.Fatalf("%d commands", len(card.sent))
	}
	equal(t, "first command", card.sent[0], "905A000003 F44C4B 00")
	equal(t, "second command", card.sent[1], "905A000003 000000 00")

	made := play(t, "90CA000005 F44C4B 0B 82 00", "9100")
	if err := create(t.Context(), ev1With(made, "C0FFEED0B65648F6")); !errors.Is(err, ErrNotGenuine) {
		t.Errorf("created without a MAC: %v", err)
	}
}

func TestPersonaliseEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	card := factory(EV2)
	card.tamper = func(exchange int, reply []byte) []byte {
		if exchange == 12 {
			cancel()
		}
		return reply
	}
	err := Personalise(ctx, card, EV2, card.uid, generation(EV2, 1), []KeySet{{}}, rand.Reader, quiet)
	if !errors.Is(err, context.Canceled) || card.exchanges != 12 {
		t.Errorf("%v after %d exchanges", err, card.exchanges)
	}
}
