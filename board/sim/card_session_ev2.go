package sim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"slices"
)

// ev2Session is the secure messaging after AuthenticateEV2First: a transaction
// identifier, a counter of commands, and a key each for encryption and MACs.
type ev2Session struct {
	enc, mac cipher.Block
	ti       [4]byte
	counter  uint16
}

// newEV2Session derives the session keys from the randoms of an authentication.
func newEV2Session(key cipher.Block, rndA, rndB []byte) *ev2Session {
	mixed := make([]byte, 6)
	subtle.XORBytes(mixed, rndA[2:8], rndB[:6])
	context := slices.Concat(rndA[:2], mixed, rndB[6:], rndA[8:])
	derive := func(label ...byte) cipher.Block {
		vector := slices.Concat(label, []byte{0x00, 0x01, 0x00, 0x80}, context)
		return newBlock(typeAES, cmac(key, make([]byte, aes.BlockSize), vector))
	}
	return &ev2Session{enc: derive(0xA5, 0x5A), mac: derive(0x5A, 0xA5)}
}

func (s *ev2Session) length(p protection) int {
	n := p.n + p.trailer
	if p.in == commFull && n > 0 {
		n = padded(n+1, aes.BlockSize)
	}
	if p.in != commPlain {
		n += 8
	}
	return n
}

func (s *ev2Session) unseal(ins byte, header, body []byte, p protection) ([]byte, status) {
	counter := s.counter
	if counter == 0xFFFF {
		return nil, stIntegrity
	}
	s.counter++ // between command and response
	if p.in == commPlain {
		return body, stOK
	}
	if len(body) < 8 {
		return nil, stLength
	}
	data, mac := body[:len(body)-8], body[len(body)-8:]
	if subtle.ConstantTimeCompare(mac, s.shortMAC(ins, counter, header, data)) == 0 {
		return nil, stIntegrity
	}
	if p.in != commFull || len(data) == 0 {
		return data, stOK
	}
	if len(data)%aes.BlockSize != 0 {
		return nil, stLength
	}
	plain, ok := unpad80(decrypt(s.enc, s.vector(0xA5, 0x5A, counter), data))
	if !ok {
		return nil, stIntegrity
	}
	if p.n >= 0 && len(plain) != p.n+p.trailer {
		return nil, stLength
	}
	return plain, stOK
}

func (s *ev2Session) seal(data []byte, p protection) []byte {
	if p.out == commPlain {
		return data
	}
	if p.out == commFull && len(data) > 0 {
		data = encrypt(s.enc, s.vector(0x5A, 0xA5, s.counter), pad80(data, aes.BlockSize))
	}
	return slices.Concat(data, s.shortMAC(byte(stOK), s.counter, data))
}

// vector is the first vector of a Full command or reply.
func (s *ev2Session) vector(a, b byte, counter uint16) []byte {
	v := append([]byte{a, b}, s.ti[:]...)
	v = padZero(binary.LittleEndian.AppendUint16(v, counter), aes.BlockSize)
	s.enc.Encrypt(v, v)
	return v
}

// shortMAC is every second byte of the MAC of a command or a reply; first is the
// instruction or the status.
func (s *ev2Session) shortMAC(first byte, counter uint16, parts ...[]byte) []byte {
	in := binary.LittleEndian.AppendUint16([]byte{first}, counter)
	in = append(append(in, s.ti[:]...), slices.Concat(parts...)...)
	long := cmac(s.mac, make([]byte, aes.BlockSize), in)
	var short []byte
	for i := 1; i < len(long); i += 2 {
		short = append(short, long[i])
	}
	return short
}
