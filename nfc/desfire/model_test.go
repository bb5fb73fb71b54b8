package desfire

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"io"
	"slices"
)

var (
	errGone  = errors.New("card is gone")
	errRadio = errors.New("no answer")
)

// modelKey is a key on a model card; a PICC master key may be the factory's DES zero.
type modelKey struct {
	des     bool
	key     Key
	version byte
}

func (k modelKey) block() cipher.Block {
	if k.des {
		return desBlock([8]byte(k.key[:8]))
	}
	return aesBlock(k.key)
}

// modelCard is the little of a card that this package talks to. It takes the arithmetic from the
// package, which the vectors hold, and the rest from the data sheet: which key a level has, what
// ends a session, which messages have a MAC. It remembers each wrong key.
type modelCard struct {
	chip   Chip
	uid    []byte
	master modelKey   // of a DESFire
	app    []modelKey // nil: there is none
	full   bool       // there is no room for an application

	otherKind status // its answer to AES with a DES key, and the other way round

	inApp   bool
	begun   func(answer []byte) ([]byte, status) // the second half of an authentication
	ev1     *ev1
	ev2     *ev2
	session byte // key number of the session

	exchanges int
	wrong     map[string]int // wrong keys since the card was made, by place
	tear      int            // the exchange, counted from 1, at which the card is taken away; 0 never
	lose      bool           // it does that command, and only the answer is lost
	gone      bool
	selects   int
	changed   bool // something was written
	changes   int  // keys it was told to change
	forgets   int  // the change that it confirms and does not do, counted from 1; 0 none
	tamper    func(exchange int, reply []byte) []byte
}

func factory(chip Chip) *modelCard {
	c := &modelCard{chip: chip, uid: unhex("04112233445566"), wrong: map[string]int{}, otherKind: authenticationError}
	if chip == NTAG424 {
		c.app = make([]modelKey, 5)
	} else {
		c.master.des = true
	}
	return c
}

// with returns a card that has all keys of a set.
func with(chip Chip, set KeySet) *modelCard {
	c := factory(chip)
	if set.Generation == 0 {
		return c
	}
	keys := make([]modelKey, len(set.Keys))
	for i, key := range set.Keys {
		keys[i] = modelKey{key: key, version: set.Generation}
	}
	if chip == NTAG424 {
		c.app = keys
	} else {
		c.master, c.app = keys[0], keys[1:]
	}
	return c
}

func (c *modelCard) Select(ctx context.Context) error {
	c.selects++
	if c.gone {
		return errGone
	}
	c.inApp = false
	c.endSession()
	return ctx.Err()
}

// present puts the card into the field again.
func (c *modelCard) present() {
	c.gone, c.tear, c.exchanges, c.inApp = false, 0, 0, false
	c.endSession()
}

func (c *modelCard) endSession() { c.begun, c.ev1, c.ev2 = nil, nil, nil }

func (c *modelCard) Transceive(ctx context.Context, apdu []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.gone {
		return nil, errRadio
	}
	c.exchanges++
	torn := c.exchanges == c.tear
	if torn && !c.lose {
		c.gone = true
		return nil, errRadio
	}
	reply := c.answer(apdu)
	if torn {
		c.gone = true
		return nil, errRadio
	}
	if c.tamper != nil {
		reply = c.tamper(c.exchanges, reply)
	}
	return reply, nil
}

func (c *modelCard) answer(apdu []byte) []byte {
	if c.chip == NTAG424 && string(apdu) == "\x00\xA4\x04\x0C\x07"+ntagName+"\x00" {
		c.endSession()
		c.inApp = true
		return []byte{0x90, 0x00}
	}
	if len(apdu) < 5 || apdu[0] != 0x90 {
		return []byte{0x6E, 0x00}
	}
	data := apdu[4 : len(apdu)-1]
	if len(data) > 0 {
		if data = data[1:]; int(apdu[4]) != len(data) {
			return []byte{0x91, 0x7E}
		}
	}
	reply, s := c.do(apdu[1], data)
	if s != operationOK && s != moreFrames {
		c.endSession()
	}
	return append(slices.Clone(reply), 0x91, byte(s))
}

const (
	integrityError status = 0x1E
	unknownCommand status = 0x1C
	lengthError    status = 0x7E
)

func (c *modelCard) do(instruction byte, data []byte) ([]byte, status) {
	begun := c.begun
	c.begun = nil
	switch instruction {
	case selectApplication:
		c.endSession()
		switch c.inApp = false; {
		case c.chip == NTAG424:
			return nil, unknownCommand
		case string(data) == string(aid[:]) && c.app == nil:
			return nil, applicationNotFound
		case string(data) == string(aid[:]):
			c.inApp = true
		}
		return nil, operationOK
	case authenticateISO, authenticateAES, authenticateEV2First:
		return c.authenticate(instruction, data)
	case additionalFrame:
		if begun == nil {
			return nil, unknownCommand
		}
		reply, s := begun(data)
		if s != operationOK {
			c.wrong[c.place(c.session).String()]++
		}
		return reply, s
	}
	if c.ev1 == nil && c.ev2 == nil {
		return nil, authenticationError
	}
	return c.inSession(instruction, data)
}

func (c *modelCard) place(number byte) place { return place{picc: !c.inApp, number: number} }

func (c *modelCard) keyAt(number byte) *modelKey {
	if !c.inApp && c.chip != NTAG424 && number == 0 {
		return &c.master
	}
	if c.inApp && int(number) < len(c.app) {
		return &c.app[number]
	}
	return nil
}

func (c *modelCard) authenticate(instruction byte, data []byte) ([]byte, status) {
	c.endSession()
	if len(data) == 0 {
		return nil, lengthError
	}
	key := c.keyAt(data[0])
	switch {
	case key == nil:
		return nil, noSuchKey
	case c.chip == EV1 && instruction == authenticateEV2First,
		c.chip == NTAG424 && instruction != authenticateEV2First:
		return nil, unknownCommand
	case key.des != (instruction == authenticateISO):
		c.wrong[c.place(data[0]).String()]++
		return nil, c.otherKind
	}
	c.session = data[0]
	block := key.block()
	size := block.BlockSize()
	b := make([]byte, size)
	rand.Read(b)
	iv := make([]byte, size)
	challenge := encrypt(block, iv, b)
	if instruction != authenticateEV2First {
		iv = challenge
	}
	c.begun = func(answer []byte) ([]byte, status) {
		if len(answer) != 2*size {
			return nil, lengthError
		}
		plain := decrypt(block, iv, answer)
		a := plain[:size]
		if !same(plain[size:], rotate(b)) {
			return nil, authenticationError
		}
		if instruction != authenticateEV2First {
			c.ev1 = newEV1(nil, a, b)
			return encrypt(block, answer[size:], rotate(a)), operationOK
		}
		c.ev2 = new(ev2)
		rand.Read(c.ev2.ti[:])
		c.ev2.setKeys(block, a, b)
		return encrypt(block, noIV, slices.Concat(c.ev2.ti[:], rotate(a), make([]byte, 12))), operationOK
	}
	return challenge, moreFrames
}

// inSession does the commands that need an authentication.
func (c *modelCard) inSession(instruction byte, data []byte) ([]byte, status) {
	if s := c.ev2; s != nil {
		n := len(data) - 8
		if n < 0 || !same(data[n:], s.sum(instruction, data[:n])) {
			return nil, integrityError
		}
		data = data[:n]
	} else if instruction != changeKey {
		c.ev1.chain([]byte{instruction}, data)
	}
	switch instruction {
	case getCardUID:
		return c.sendUID()
	case createApplication:
		switch {
		case c.inApp || c.chip == NTAG424:
			return nil, permissionDenied
		case c.full:
			return nil, outOfMemory
		case string(data) != string(aid[:])+"\x0B\x82" || c.app != nil:
			return nil, 0xDE
		}
		c.app, c.changed = make([]modelKey, 2), true
		return c.mac(), operationOK
	case deleteApplication:
		if c.inApp || string(data) != string(aid[:]) || c.app == nil {
			return nil, applicationNotFound
		}
		c.app, c.changed = nil, true
		return c.mac(), operationOK
	case changeKey:
		return c.changeKey(data)
	}
	return nil, unknownCommand
}

func (c *modelCard) sendUID() ([]byte, status) {
	if s := c.ev1; s != nil {
		plain := slices.Concat(c.uid, checksum(c.uid, []byte{0}), make([]byte, 5))
		return s.encipher(plain), operationOK
	}
	c.ev2.done++
	plain := slices.Concat(c.uid, []byte{0x80}, make([]byte, 8))
	data := encrypt(c.ev2.enc, c.ev2.iv(0x5A, 0xA5), plain)
	return append(data, c.ev2.sum(0, data)...), operationOK
}

func (c *modelCard) mac() []byte {
	if s := c.ev1; s != nil {
		s.chain([]byte{0})
		return s.iv[:8]
	}
	c.ev2.done++
	return c.ev2.sum(0, nil)
}

func (c *modelCard) changeKey(data []byte) ([]byte, status) {
	if len(data) < 1 || (len(data)-1)%8 != 0 {
		return nil, lengthError
	}
	number := data[0]
	at := c.keyAt(number &^ 0x80)
	if at == nil {
		return nil, noSuchKey
	}
	own := number&^0x80 == c.session
	if !own && c.session != 0 {
		return nil, authenticationError
	}
	next := modelKey{des: !c.inApp && number&0x80 == 0}
	length := 17
	if next.des {
		length = 16
	}
	var plain []byte
	if s := c.ev1; s != nil {
		plain = s.decipher(data[1:])
		if !same(plain[length:length+4], checksum([]byte{changeKey, number}, plain[:length])) {
			return nil, integrityError
		}
		plain = slices.Delete(plain, length, length+4)
	} else {
		plain = decrypt(c.ev2.enc, c.ev2.iv(0xA5, 0x5A), data[1:])
		end := length
		if !own {
			end += 4
		}
		if !same(plain[end:], append([]byte{0x80}, make([]byte, len(plain)-end-1)...)) {
			return nil, integrityError
		}
	}
	next.key = Key(plain)
	if !next.des {
		next.version = plain[16]
	}
	if !own {
		subtle.XORBytes(next.key[:], next.key[:], at.key[:])
		if !same(plain[length:length+4], checksum(next.key[:])) {
			return nil, integrityError
		}
	}
	if c.changes++; c.changes != c.forgets {
		*at, c.changed = next, true
	}
	if own {
		c.endSession()
		return nil, operationOK
	}
	return c.mac(), operationOK
}

// counter is a source of random numbers that never repeats and is the same each time.
type counter struct{ n byte }

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		c.n++
		b[i] = c.n * 37
	}
	return len(b), nil
}

var _ io.Reader = (*counter)(nil)
