package sim

import (
	"bytes"
	"slices"
)

// What a reader does, as far as the tests of the cards need it.

var zeroKey = make([]byte, 16)

// wrapped sends a command in its ISO/IEC 7816-4 form and gives data and status.
func (h *held) wrapped(ins byte, data ...byte) ([]byte, status) {
	h.t.Helper()
	command := []byte{0x90, ins, 0, 0}
	if len(data) > 0 {
		command = slices.Concat(command, []byte{byte(len(data))}, data)
	}
	reply, _, ok := h.exchange(append(command, 0))
	if !ok {
		h.t.Fatalf("%02X: the card stays silent", ins)
	}
	n := len(reply) - 2
	if n < 0 || reply[n] != 0x91 {
		h.t.Fatalf("%02X: %X", ins, reply)
	}
	return reply[:n], status(reply[n+1])
}

// wantStatus sends a command that must get this status and no data.
func (h *held) wantStatus(want status, ins byte, data ...byte) {
	h.t.Helper()
	if out, st := h.wrapped(ins, data...); st != want || len(out) > 0 {
		h.t.Fatalf("%02X %X: %X and status %02X, not %02X", ins, data, out, st, want)
	}
}

// handshake does an authentication with a reader's random RndA; decipher and
// encipher are those of the reader.
func (h *held) handshake(start []byte, ins byte, size int, decipher, encipher func([]byte) []byte) (rndA, rndB, last []byte, st status) {
	h.t.Helper()
	challenge, st := h.wrapped(ins, start...)
	if st != stMore {
		return nil, nil, nil, st
	}
	rndA = bytes.Repeat([]byte{0xA5, 0x17}, size/2)
	rndB = decipher(challenge)
	answer, st := h.wrapped(insMore, encipher(slices.Concat(rndA, rotate(rndB)))...)
	if st != stOK {
		return nil, nil, nil, st
	}
	return rndA, rndB, decipher(answer), stOK
}

// readerEV2 is a reader's side of an EV2 session.
type readerEV2 struct {
	h *held
	*ev2Session
}

// first does AuthenticateEV2First.
func (h *held) first(number byte, key []byte) (readerEV2, status) {
	h.t.Helper()
	block := newBlock(typeAES, key)
	rndA, rndB, last, st := h.handshake([]byte{number, 0}, insAuthFirst, 16,
		func(in []byte) []byte { return decrypt(block, make([]byte, 16), in) },
		func(in []byte) []byte { return encrypt(block, make([]byte, 16), in) })
	if st != stOK {
		return readerEV2{}, st
	}
	if !bytes.Equal(last[4:20], rotate(rndA)) || !zero(last[20:]) {
		h.t.Fatalf("the last reply is %X", last)
	}
	s := newEV2Session(block, rndA, rndB)
	copy(s.ti[:], last)
	return readerEV2{h, s}, stOK
}

// command is a command with its MAC, the data encrypted.
func (r readerEV2) command(ins byte, header, data []byte) []byte {
	if len(data) > 0 {
		data = encrypt(r.enc, r.vector(0xA5, 0x5A, r.counter), pad80(data, 16))
	}
	return slices.Concat(header, data, r.shortMAC(ins, r.counter, header, data))
}

// do sends a command and checks the MAC of the reply.
func (r readerEV2) do(ins byte, header, data []byte) ([]byte, status) {
	r.h.t.Helper()
	out, st := r.h.wrapped(ins, r.command(ins, header, data)...)
	for st == stMore {
		var more []byte
		more, st = r.h.wrapped(insMore)
		out = slices.Concat(out, more)
	}
	r.counter++
	if st != stOK || len(out) == 0 {
		return out, st
	}
	n := len(out) - 8
	if n < 0 || !bytes.Equal(out[n:], r.shortMAC(0, r.counter, out[:n])) {
		r.h.t.Fatalf("%02X: the MAC of %X is wrong", ins, out)
	}
	return out[:n], st
}

// readerEV1 is a reader's side of an EV1 session.
type readerEV1 struct {
	h *held
	*ev1Session
}

// aes does AuthenticateAES.
func (h *held) aes(number byte, key []byte) (readerEV1, status) {
	h.t.Helper()
	block, iv := newBlock(typeAES, key), make([]byte, 16)
	rndA, rndB, last, st := h.handshake([]byte{number}, insAuthAES, 16,
		func(in []byte) []byte { return decrypt(block, iv, in) },
		func(in []byte) []byte { return encrypt(block, iv, in) })
	if st != stOK {
		return readerEV1{}, st
	}
	if !bytes.Equal(last, rotate(rndA)) {
		h.t.Fatalf("RndA came back as %X", last)
	}
	return readerEV1{h, newEV1Session(typeAES, slices.Concat(rndA[:4], rndB[:4], rndA[12:], rndB[12:]))}, stOK
}

// encrypted is the data of a command that is enciphered.
func (r readerEV1) encrypted(ins byte, header, data []byte) []byte {
	plain := append(slices.Clone(data), checksum32([]byte{ins}, header, data)...)
	return encrypt(r.block, r.iv, padZero(plain, 16))
}

// do sends a command of which all is header, and checks the MAC of the reply.
func (r readerEV1) do(ins byte, header ...byte) ([]byte, status) {
	r.h.t.Helper()
	cmac(r.block, r.iv, append([]byte{ins}, header...))
	out, st := r.h.wrapped(ins, header...)
	for st == stMore {
		var more []byte
		more, st = r.h.wrapped(insMore)
		out = slices.Concat(out, more)
	}
	if st != stOK {
		return out, st
	}
	n := len(out) - 8
	if n < 0 || !bytes.Equal(out[n:], cmac(r.block, r.iv, append(slices.Clip(out[:n]), 0))[:8]) {
		r.h.t.Fatalf("%02X: the MAC of %X is wrong", ins, out)
	}
	return out[:n], st
}

// legacy does AuthenticateLegacy with a DES key.
func (h *held) legacy(number byte, key []byte) (d40Session, status) {
	h.t.Helper()
	block := newBlock(typeDES, key)
	rndA, rndB, last, st := h.handshake([]byte{number}, insAuthLegacy, 8,
		func(in []byte) []byte { return decrypt(block, make([]byte, 8), in) },
		func(in []byte) []byte { return decipherSent(d40Session{block}, in) })
	if st == stOK && !bytes.Equal(last, rotate(rndA)) {
		h.t.Fatalf("RndA came back as %X", last)
	}
	if st != stOK {
		return d40Session{}, st
	}
	return d40Session{newBlock(typeDES, desSessionKey(key, rndA, rndB))}, stOK
}

// decipherSent is what a D40 reader does with what it sends.
func decipherSent(s d40Session, in []byte) []byte {
	out := make([]byte, len(in))
	before := make([]byte, 8)
	for i := 0; i < len(in); i += 8 {
		for j := range 8 {
			before[j] ^= in[i+j]
		}
		s.block.Decrypt(out[i:], before)
		copy(before, out[i:i+8])
	}
	return out
}

// withApplication is a card that has the application 010203 with AES keys of
// zeros, selected.
func withApplication(h *held, settings byte, keys int) *held {
	h.t.Helper()
	h.wantStatus(stOK, 0xCA, 1, 2, 3, settings, 0x80|byte(keys))
	h.wantStatus(stOK, 0x5A, 1, 2, 3)
	return h
}
