package desfire

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ev2 is a session of the EV2 secure messaging (NT4H2421Gx section 9.1).
type ev2 struct {
	card Card
	enc  cipher.Block
	mac  cipher.Block
	ti   [4]byte // transaction identifier
	done uint16  // CmdCtr: commands of this session that were answered
}

// noIV: every CBC of the authentication starts with zeros, and so does every CMAC.
var noIV = make([]byte, aes.BlockSize)

// authenticateEV2 authenticates with AuthenticateEV2First. It claims no capabilities, above all
// not LRP, and the card has to repeat that under encryption (sections 9.1.5 and 10.4.1). A card
// in LRP mode answers with a byte more and is refused.
func authenticateEV2(ctx context.Context, card Card, number byte, key cipher.Block, random io.Reader) (*ev2, error) {
	var a [16]byte
	if _, err := io.ReadFull(random, a[:]); err != nil {
		return nil, fmt.Errorf("random number: %w", err)
	}
	challenge, err := exchange(ctx, card, moreFrames, authenticateEV2First, []byte{number, 0})
	if s := status(0); errors.As(err, &s) && s == authenticationDelay {
		return nil, ErrDelayed // NT4H2421Gx section 10.5.1
	}
	if err != nil {
		return nil, err
	}
	if len(challenge) != 16 {
		return nil, fmt.Errorf("%w: challenge of %d bytes", ErrNotGenuine, len(challenge))
	}
	b := decrypt(key, noIV, challenge)
	answer, err := exchange(ctx, card, operationOK, additionalFrame, encrypt(key, noIV, slices.Concat(a[:], rotate(b))))
	if err != nil {
		return nil, err
	}
	if len(answer) != 32 {
		return nil, fmt.Errorf("%w: answer to the challenge of %d bytes", ErrNotGenuine, len(answer))
	}
	plain := decrypt(key, noIV, answer) // TI 4, RndA' 16, PDcap2 6, PCDcap2 6
	if !same(plain[4:20], rotate(a[:])) || !same(plain[26:], make([]byte, 6)) {
		return nil, fmt.Errorf("%w: wrong answer to the challenge", ErrNotGenuine)
	}
	s := &ev2{card: card, ti: [4]byte(plain)}
	s.setKeys(key, a[:], b)
	return s, nil
}

// setKeys derives the session's keys from the random numbers of an authentication (section 9.1.7).
func (s *ev2) setKeys(key cipher.Block, a, b []byte) {
	mixed := make([]byte, 6)
	subtle.XORBytes(mixed, a[2:8], b[:6])
	vector := slices.Concat([]byte{0xA5, 0x5A, 0x00, 0x01, 0x00, 0x80}, a[:2], mixed, b[6:], a[8:])
	s.enc = aesBlock([16]byte(cmac(key, noIV, vector)))
	vector[0], vector[1] = 0x5A, 0xA5
	s.mac = aesBlock([16]byte(cmac(key, noIV, vector)))
}

func (s *ev2) command(ctx context.Context, instruction byte, data []byte) error {
	return mustBeEmpty(s.transact(ctx, instruction, data))
}

func (s *ev2) cardUID(ctx context.Context) ([]byte, error) {
	data, err := s.transact(ctx, getCardUID, nil)
	if err != nil {
		return nil, err
	}
	if len(data) != 16 {
		return nil, fmt.Errorf("%w: enciphered UID of %d bytes", ErrNotGenuine, len(data))
	}
	plain := decrypt(s.enc, s.iv(0x5A, 0xA5), data)
	if !same(plain[7:], append([]byte{0x80}, make([]byte, 8)...)) {
		return nil, fmt.Errorf("%w: wrong padding of the UID", ErrNotGenuine)
	}
	return plain[:7], nil
}

func (s *ev2) changeKey(ctx context.Context, number byte, key, check []byte) error {
	body := append([]byte{number}, s.encipher(slices.Concat(key, check))...)
	if check == nil {
		return exchangeOnly(ctx, s.card, changeKey, body, s.sum(changeKey, body))
	}
	return s.command(ctx, changeKey, body)
}

// transact sends a command with its MAC, and returns the data of the answer, whose MAC is right.
func (s *ev2) transact(ctx context.Context, instruction byte, body []byte) ([]byte, error) {
	reply, err := exchange(ctx, s.card, operationOK, instruction, body, s.sum(instruction, body))
	if err != nil {
		return nil, err
	}
	s.done++
	return s.verify(reply)
}

// verify checks the MAC of the answer to the last command that was counted.
func (s *ev2) verify(reply []byte) ([]byte, error) {
	data, mac, err := split(reply)
	if err != nil {
		return nil, err
	}
	if !same(mac, s.sum(byte(operationOK), data)) {
		return nil, fmt.Errorf("%w: wrong MAC", ErrNotGenuine)
	}
	return data, nil
}

// sum is the MAC of a command or of an answer: every second byte of a CMAC (section 9.1.3).
func (s *ev2) sum(first byte, data []byte) []byte {
	full := cmac(s.mac, noIV, binary.LittleEndian.AppendUint16([]byte{first}, s.done), s.ti[:], data)
	short := make([]byte, 8)
	for i := range short {
		short[i] = full[2*i+1]
	}
	return short
}

// encipher pads the data of a command and enciphers it (section 9.1.4).
func (s *ev2) encipher(plain []byte) []byte {
	padded := append(plain, 0x80)
	padded = append(padded, make([]byte, -len(padded)&(aes.BlockSize-1))...)
	return encrypt(s.enc, s.iv(0xA5, 0x5A), padded)
}

func (s *ev2) iv(label ...byte) []byte {
	iv := binary.LittleEndian.AppendUint16(append(label, s.ti[:]...), s.done)
	iv = append(iv, make([]byte, 8)...)
	s.enc.Encrypt(iv, iv)
	return iv
}
