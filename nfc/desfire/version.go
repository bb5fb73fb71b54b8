package desfire

import (
	"context"
	"errors"
	"fmt"
)

// Version is a card's answer to GetVersion, 28 or 29 bytes: what it says of its hardware and
// software, 7 bytes each, and of its production: UID 7 (zeros if it shows a random one), batch 5,
// calendar week and year, and on some NTAG one byte more (NT4H2421Gx section 10.5.2). None of it
// is proven.
type Version []byte

// GetVersion asks a card what it is. A card that does not know the question is ErrUnsuitable.
func GetVersion(ctx context.Context, c Card) (Version, error) {
	var v Version
	for _, frame := range [...]struct {
		instruction byte
		due         status
		shortest    int
		longest     int
	}{
		{getVersion, moreFrames, 7, 7},
		{additionalFrame, moreFrames, 7, 7},
		{additionalFrame, operationOK, 14, 15},
	} {
		data, err := exchange(ctx, c, frame.due, frame.instruction)
		if lost := (radioError{}); errors.As(err, &lost) {
			return nil, fmt.Errorf("get version: %w", err)
		} else if err != nil {
			return nil, fmt.Errorf("%w: get version: %v", ErrUnsuitable, err)
		}
		if len(data) < frame.shortest || len(data) > frame.longest {
			return nil, fmt.Errorf("%w: get version: frame of %d bytes", ErrUnsuitable, len(data))
		}
		v = append(v, data...)
	}
	return v, nil
}

// Generations asks a card of which generation each of its keys is, in the order of KeySet.Keys; of
// a DESFire without our application the first one only. That needs no key, and nothing of it is
// proven. A card that does not tell is no error: the answer is nil.
func Generations(ctx context.Context, c Card, chip Chip) ([]byte, error) {
	generations, err := generationsOf(ctx, c, chip)
	if lost := (radioError{}); errors.As(err, &lost) {
		return nil, fmt.Errorf("get key versions: %w", err)
	} else if err != nil {
		return nil, nil
	}
	return generations, nil
}

func generationsOf(ctx context.Context, c Card, chip Chip) (generations []byte, err error) {
	keys := 5
	if chip != NTAG424 {
		keys = 2
		if err := exchangeOnly(ctx, c, selectApplication, picc[:]); err != nil {
			return nil, err
		}
		if generations, err = keyVersions(ctx, c, 1); err != nil {
			return nil, err
		}
	}
	err = enter(ctx, c, chip)
	if refused := status(0); errors.As(err, &refused) && refused == applicationNotFound {
		return generations, nil
	} else if err != nil {
		return nil, err
	}
	inside, err := keyVersions(ctx, c, keys)
	return append(generations, inside...), err
}

// keyVersions returns the versions of the first n keys of what is selected.
func keyVersions(ctx context.Context, c Card, n int) (versions []byte, err error) {
	for number := range n {
		version, err := exchange(ctx, c, operationOK, getKeyVersion, []byte{byte(number)})
		if err != nil {
			return nil, err
		}
		if len(version) != 1 {
			return nil, fmt.Errorf("%w: key version of %d bytes", ErrNotGenuine, len(version))
		}
		versions = append(versions, version[0])
	}
	return versions, nil
}

// Chip returns which chip a card says it is, and false if it is none that can prove itself:
// a MIFARE DESFire D40 or Light, DUOX, MIFARE Plus, a phone. (The numbers are of proxmark3's
// cmdhfmfdes.c and of NT4H2421Gx table 54.)
func (v Version) Chip() (Chip, bool) {
	if len(v) != 28 && len(v) != 29 {
		return 0, false
	}
	const nxp = 0x04
	switch vendor, kind, major := v[0], v[1], v[3]; {
	case vendor != nxp:
	case kind == 0x01 && major == 0x01:
		return EV1, true
	case kind == 0x01 && (major == 0x12 || major == 0x22 || major == 0x33):
		return EV2, true
	case kind == 0x04 && major == 0x30:
		return NTAG424, true
	}
	return 0, false
}
