package sim

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"slices"
)

// Instructions of authentications.
const (
	insAuthLegacy = 0x0A // D40 messaging
	insAuthISO    = 0x1A // EV1 messaging with DES, 3DES or 3K3DES
	insAuthAES    = 0xAA // EV1 messaging
	insAuthFirst  = 0x71 // EV2 messaging
	insAuthNon    = 0x77 // once more in an EV2 session
)

// authentication finds the first half of an authentication that this kind of
// card knows.
func (c *cardChip) authentication(ins byte) (func(data []byte) ([]byte, status), bool) {
	k := c.m.kind
	switch ins {
	case insAuthLegacy:
		return c.authLegacy, k != NTAG424
	case insAuthISO:
		return func(data []byte) ([]byte, status) { return c.authChained(ins, data) }, k != D40 && k != NTAG424
	case insAuthAES:
		return func(data []byte) ([]byte, status) { return c.authChained(ins, data) }, k != D40 && k != NTAG424
	case insAuthFirst:
		return c.authFirst, k >= DESFireEV2
	case insAuthNon:
		return c.authNonFirst, k >= DESFireEV2
	}
	return nil, false
}

// authKey begins an authentication with a key: the one before it is over.
func (c *cardChip) authKey(number byte, suits bool) (*cardKey, cipher.Block, status) {
	c.session = nil
	if int(number) >= len(c.app.Keys) {
		return nil, nil, stNoSuchKey
	}
	if !suits {
		if st := c.m.opts.WrongType; st != 0 {
			return nil, nil, status(st)
		}
		return nil, nil, stAuth
	}
	key := c.app.Keys[number]
	if st := c.failsAllow(key); st != stOK {
		return nil, nil, st
	}
	return key, newBlock(c.app.Type, key.Value), stOK
}

// authLegacy is AuthenticateLegacy (0A): the reader deciphers.
func (c *cardChip) authLegacy(data []byte) ([]byte, status) {
	if len(data) != 1 {
		return nil, stLength
	}
	key, block, st := c.authKey(data[0], c.app.Type == typeDES)
	if st != stOK {
		return nil, st
	}
	rndB := c.m.opts.random(des.BlockSize)
	c.next = func(answer []byte) ([]byte, status) {
		if len(answer) != 2*des.BlockSize {
			return nil, stLength
		}
		plain := encipherReceived(block, answer)
		rndA := plain[:des.BlockSize]
		if !bytes.Equal(plain[des.BlockSize:], rotate(rndB)) {
			return nil, c.authFailed(key)
		}
		session := desSessionKey(key.Value, rndA, rndB)
		c.authenticated(key, data[0], d40Session{newBlock(typeDES, session)})
		return encrypt(block, make([]byte, des.BlockSize), rotate(rndA)), stOK
	}
	return encrypt(block, make([]byte, des.BlockSize), rndB), stMore
}

// authChained is AuthenticateISO (1A) and AuthenticateAES (AA): one CBC chain runs
// through the whole of it.
func (c *cardChip) authChained(ins byte, data []byte) ([]byte, status) {
	if len(data) != 1 {
		return nil, stLength
	}
	t := c.app.Type
	key, block, st := c.authKey(data[0], (t == typeAES) == (ins == insAuthAES))
	if st != stOK {
		return nil, st
	}
	size := aes.BlockSize
	if t == typeDES {
		size = des.BlockSize
	}
	rndB := c.m.opts.random(size)
	iv := make([]byte, block.BlockSize())
	c.next = func(answer []byte) ([]byte, status) {
		if len(answer) != 2*size {
			return nil, stLength
		}
		plain := decrypt(block, iv, answer)
		rndA := plain[:size]
		if !bytes.Equal(plain[size:], rotate(rndB)) {
			return nil, c.authFailed(key)
		}
		var session []byte
		switch t {
		case typeAES:
			session = slices.Concat(rndA[:4], rndB[:4], rndA[12:], rndB[12:])
		case type3K3DES:
			session = slices.Concat(rndA[:4], rndB[:4], rndA[6:10], rndB[6:10], rndA[12:], rndB[12:])
		default:
			session = desSessionKey(key.Value, rndA, rndB)
		}
		c.authenticated(key, data[0], newEV1Session(t, session))
		return encrypt(block, iv, rotate(rndA)), stOK
	}
	return encrypt(block, iv, rndB), stMore
}

// desSessionKey has 8 bytes if the halves of the key are equal.
func desSessionKey(key, rndA, rndB []byte) []byte {
	if bytes.Equal(key[:8], key[8:]) {
		return slices.Concat(rndA[:4], rndB[:4])
	}
	return slices.Concat(rndA[:4], rndB[:4], rndA[4:], rndB[4:])
}

// authFirst is AuthenticateEV2First: key number, and up to 6 bytes of what the
// reader can do, which come back.
func (c *cardChip) authFirst(data []byte) ([]byte, status) {
	if len(data) < 2 || int(data[1]) != len(data)-2 || data[1] > 6 {
		return nil, stLength
	}
	caps := make([]byte, 6)
	copy(caps, data[2:])
	return c.authEV2(data[0], func(rotated []byte, s *ev2Session) []byte {
		copy(s.ti[:], c.m.opts.random(len(s.ti)))
		return slices.Concat(s.ti[:], rotated, make([]byte, 6), caps)
	})
}

// authNonFirst is AuthenticateEV2NonFirst: identifier and counter go on.
func (c *cardChip) authNonFirst(data []byte) ([]byte, status) {
	if len(data) != 1 {
		return nil, stLength
	}
	before, ok := c.session.(*ev2Session)
	if !ok {
		return nil, stAuth
	}
	return c.authEV2(data[0], func(rotated []byte, s *ev2Session) []byte {
		s.ti, s.counter = before.ti, before.counter
		return rotated
	})
}

// authEV2 is what the two have in common: every CBC starts with zeros. answer
// completes the session and gives the plain text of the last reply.
func (c *cardChip) authEV2(number byte, answer func(rotated []byte, s *ev2Session) []byte) ([]byte, status) {
	key, block, st := c.authKey(number, c.app.Type == typeAES)
	if st != stOK {
		return nil, st
	}
	rndB := c.m.opts.random(aes.BlockSize)
	c.next = func(data []byte) ([]byte, status) {
		if len(data) != 2*aes.BlockSize {
			return nil, stLength
		}
		plain := decrypt(block, make([]byte, aes.BlockSize), data)
		rndA := plain[:aes.BlockSize]
		if !bytes.Equal(plain[aes.BlockSize:], rotate(rndB)) {
			return nil, c.authFailed(key)
		}
		s := newEV2Session(block, rndA, rndB)
		reply := answer(rotate(rndA), s)
		c.authenticated(key, number, s)
		return encrypt(block, make([]byte, aes.BlockSize), reply), stOK
	}
	return encrypt(block, make([]byte, aes.BlockSize), rndB), stMore
}
