package desfire

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"fmt"
	"io"
	"slices"
)

// ev1 is a session of the EV1 secure messaging, under an AES key or a single DES key
// (libfreefare mifare_desfire_crypto.c; verified with recordings of real EV1 and EV3 cards). One
// initialisation vector runs through all of it: each command and each answer changes it.
type ev1 struct {
	card Card
	key  cipher.Block
	iv   []byte
}

// authenticateEV1 authenticates with AuthenticateAES, or with AuthenticateISO if the key is a
// DES key. The three messages are one CBC chain.
func authenticateEV1(ctx context.Context, card Card, number byte, key cipher.Block, random io.Reader) (*ev1, error) {
	size, instruction := key.BlockSize(), byte(authenticateAES)
	if size == des.BlockSize {
		instruction = authenticateISO
	}
	a := make([]byte, size)
	if _, err := io.ReadFull(random, a); err != nil {
		return nil, fmt.Errorf("random number: %w", err)
	}
	challenge, err := exchange(ctx, card, moreFrames, instruction, []byte{number})
	if err != nil {
		return nil, err
	}
	if len(challenge) != size {
		return nil, fmt.Errorf("%w: challenge of %d bytes", ErrNotGenuine, len(challenge))
	}
	b := decrypt(key, make([]byte, size), challenge)
	sent := encrypt(key, challenge, slices.Concat(a, rotate(b)))
	answer, err := exchange(ctx, card, operationOK, additionalFrame, sent)
	if err != nil {
		return nil, err
	}
	if len(answer) != size || !same(decrypt(key, sent[size:], answer), rotate(a)) {
		return nil, fmt.Errorf("%w: wrong answer to the challenge", ErrNotGenuine)
	}
	return newEV1(card, a, b), nil
}

// newEV1 is the session after an authentication with the random numbers a and b.
func newEV1(card Card, a, b []byte) *ev1 {
	key := slices.Concat(a[:4], b[:4])
	if len(a) == des.BlockSize {
		return &ev1{card, desBlock([8]byte(key)), make([]byte, des.BlockSize)}
	}
	key = slices.Concat(key, a[12:], b[12:])
	return &ev1{card, aesBlock([16]byte(key)), make([]byte, aes.BlockSize)}
}

func (s *ev1) command(ctx context.Context, instruction byte, data []byte) error {
	s.chain([]byte{instruction}, data)
	reply, err := exchange(ctx, s.card, operationOK, instruction, data)
	if err != nil {
		return err
	}
	return s.verifyEmpty(reply)
}

// cardUID: the answer is UID, CRC of UID and status, zeros, all enciphered.
func (s *ev1) cardUID(ctx context.Context) ([]byte, error) {
	s.chain([]byte{getCardUID})
	reply, err := exchange(ctx, s.card, operationOK, getCardUID)
	if err != nil {
		return nil, err
	}
	if len(reply) != 16 {
		return nil, fmt.Errorf("%w: enciphered UID of %d bytes", ErrNotGenuine, len(reply))
	}
	plain := s.decipher(reply)
	uid := plain[:7]
	if !same(plain[7:], append(checksum(uid, []byte{byte(operationOK)}), make([]byte, 5)...)) {
		return nil, fmt.Errorf("%w: wrong CRC of the UID", ErrNotGenuine)
	}
	return uid, nil
}

func (s *ev1) changeKey(ctx context.Context, number byte, key, check []byte) error {
	sent := s.encipher(slices.Concat(key, checksum([]byte{changeKey, number}, key), check))
	if check == nil {
		return exchangeOnly(ctx, s.card, changeKey, []byte{number}, sent)
	}
	reply, err := exchange(ctx, s.card, operationOK, changeKey, []byte{number}, sent)
	if err != nil {
		return err
	}
	return s.verifyEmpty(reply)
}

func (s *ev1) chain(parts ...[]byte) { s.iv = cmac(s.key, s.iv, parts...) }

// encipher pads with zeros.
func (s *ev1) encipher(plain []byte) []byte {
	size := s.key.BlockSize()
	padded := append(plain, make([]byte, -len(plain)&(size-1))...)
	sent := encrypt(s.key, s.iv, padded)
	s.iv = sent[len(sent)-size:]
	return sent
}

func (s *ev1) decipher(reply []byte) []byte {
	plain := decrypt(s.key, s.iv, reply)
	s.iv = reply[len(reply)-s.key.BlockSize():]
	return plain
}

// verify checks the MAC of an answer, which covers its data and status, and returns the data.
func (s *ev1) verify(reply []byte) ([]byte, error) {
	data, mac, err := split(reply)
	if err != nil {
		return nil, err
	}
	s.chain(data, []byte{byte(operationOK)})
	if !same(mac, s.iv[:8]) {
		return nil, fmt.Errorf("%w: wrong MAC", ErrNotGenuine)
	}
	return data, nil
}

func (s *ev1) verifyEmpty(reply []byte) error { return mustBeEmpty(s.verify(reply)) }

func aesBlock(key [16]byte) cipher.Block {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // only for a key of another length
	}
	return block
}

func desBlock(key [8]byte) cipher.Block {
	block, err := des.NewCipher(key[:])
	if err != nil {
		panic(err) // only for a key of another length
	}
	return block
}
