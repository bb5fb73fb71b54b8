package sim

import (
	"bytes"
	"crypto/cipher"
	"crypto/subtle"
	"slices"
)

// ev1Session is the secure messaging after AuthenticateAES and AuthenticateISO:
// one vector runs through all commands and replies.
type ev1Session struct {
	block cipher.Block
	iv    []byte
}

func newEV1Session(t keyType, key []byte) *ev1Session {
	b := newBlock(t, key)
	return &ev1Session{b, make([]byte, b.BlockSize())}
}

func (s *ev1Session) length(p protection) int {
	switch p.in {
	case commMAC:
		return p.n + p.trailer + 8
	case commFull:
		return padded(p.n+4+p.trailer, s.block.BlockSize())
	}
	return p.n + p.trailer
}

func (s *ev1Session) unseal(ins byte, header, body []byte, p protection) ([]byte, status) {
	head := append([]byte{ins}, header...)
	switch p.in {
	case commFull:
		plain := decrypt(s.block, s.iv, body)
		data, rest := plain[:p.n], plain[p.n:]
		crc, rest := rest[:4], rest[4:]
		if !bytes.Equal(crc, checksum32(head, data)) || !zero(rest[p.trailer:]) {
			return nil, stIntegrity
		}
		return slices.Concat(data, rest[:p.trailer]), stOK
	case commMAC:
		data, mac := body[:p.n], body[p.n:]
		want := cmac(s.block, s.iv, slices.Concat(head, data))
		if subtle.ConstantTimeCompare(mac, want[:8]) == 0 {
			return nil, stIntegrity
		}
		return data, stOK
	}
	cmac(s.block, s.iv, slices.Concat(head, body))
	return body, stOK
}

func (s *ev1Session) seal(data []byte, p protection) []byte {
	if p.out == commFull {
		plain := append(slices.Clone(data), checksum32(data, []byte{byte(stOK)})...)
		if p.open {
			plain = append(plain, 0x80)
		}
		return encrypt(s.block, s.iv, padZero(plain, s.block.BlockSize()))
	}
	mac := cmac(s.block, s.iv, slices.Concat(data, []byte{byte(stOK)}))
	return slices.Concat(data, mac[:8])
}

// zero reports whether data is nothing but zeros.
func zero(data []byte) bool {
	return len(bytes.Trim(data, "\x00")) == 0
}
