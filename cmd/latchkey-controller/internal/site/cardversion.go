package site

import (
	"bytes"
	"errors"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// chipOf returns which chip a card has, by its answer to GetVersion. The error says why
// the card cannot prove itself.
func chipOf(card *wire.CardToKey) (wire.CardChip, error) {
	v := card.Version
	if len(v) < 28 || v[0] != 0x04 {
		return 0, language.Say("this card is of an unknown make and cannot prove that it is no copy; use a MIFARE DESFire EV2 or EV3, or an NTAG 424 DNA")
	}
	if uid := v[14:21]; len(card.UID) == 7 && !bytes.Equal(uid, card.UID) {
		if bytes.Equal(uid, make([]byte, 7)) {
			return 0, errRandomUID
		}
		return 0, language.Say("this card gives two different UIDs: it may be a copy; use another card")
	}
	const use = "; use a MIFARE DESFire EV2 or EV3, or an NTAG 424 DNA"
	switch kind, major := v[1], v[3]; {
	case kind == 0x01 && major == 0x00:
		return 0, errors.New("this is a MIFARE DESFire of the first generation, whose keys can be read out of it" + use)
	case kind == 0x01 && major == 0x01:
		return wire.DESFireEV1, nil
	case kind == 0x01 && (major&0xf0 == 0x10 || major&0xf0 == 0x20 || major&0xf0 == 0x30):
		return wire.DESFireEV2, nil
	case kind == 0x04 && major == 0x30:
		return wire.NTAG424, nil
	case kind == 0x08:
		return 0, errors.New("this is a MIFARE DESFire Light, which Latchkey does not support" + use)
	case kind == 0x81, kind == 0x83, kind == 0x91, kind == 0xA1:
		return 0, errors.New("this is a phone, or a card that runs programs, and Latchkey cannot write keys to it" + use)
	}
	return 0, errors.New("this kind of card cannot prove that it is no copy" + use)
}

var errRandomUID = language.Say("this card gives a new random UID each time it is shown, so nobody can tell whose it is; use another card")
