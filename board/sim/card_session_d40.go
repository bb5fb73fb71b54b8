package sim

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"slices"
)

// d40Session is the secure messaging of the first DESFire, after
// AuthenticateLegacy: the reader only ever deciphers, each operation starts with
// a vector of zeros, and only the data of files and keys are protected.
type d40Session struct {
	block cipher.Block
}

func (s d40Session) length(p protection) int {
	switch p.in {
	case commMAC:
		return p.n + p.trailer + 4
	case commFull:
		return padded(p.n+2+p.trailer, des.BlockSize)
	}
	return p.n + p.trailer
}

func (s d40Session) unseal(_ byte, _, body []byte, p protection) ([]byte, status) {
	switch p.in {
	case commFull:
		plain := encipherReceived(s.block, body)
		data, rest := plain[:p.n], plain[p.n:]
		crc, rest := rest[:2], rest[2:]
		if !bytes.Equal(crc, checksum16(data)) || !zero(rest[p.trailer:]) {
			return nil, stIntegrity
		}
		return slices.Concat(data, rest[:p.trailer]), stOK
	case commMAC:
		data, mac := body[:p.n], body[p.n:]
		if subtle.ConstantTimeCompare(mac, s.shortMAC(data)) == 0 {
			return nil, stIntegrity
		}
		return data, stOK
	}
	return body, stOK
}

func (s d40Session) seal(data []byte, p protection) []byte {
	switch p.out {
	case commFull:
		plain := append(slices.Clone(data), checksum16(data)...)
		if p.open {
			plain = append(plain, 0x80)
		}
		return encrypt(s.block, make([]byte, des.BlockSize), padZero(plain, des.BlockSize))
	case commMAC:
		return slices.Concat(data, s.shortMAC(data))
	}
	return data
}

// shortMAC is half of the last block of CBC.
func (s d40Session) shortMAC(data []byte) []byte {
	iv := make([]byte, des.BlockSize)
	encrypt(s.block, iv, padZero(data, des.BlockSize))
	return iv[:4]
}

// encipherReceived undoes a D40 reader's deciphering: the reader sends D(plain xor
// the block sent before).
func encipherReceived(b cipher.Block, data []byte) []byte {
	out := make([]byte, len(data))
	before := make([]byte, des.BlockSize)
	for i := 0; i < len(data); i += des.BlockSize {
		block := out[i : i+des.BlockSize]
		b.Encrypt(block, data[i:])
		subtle.XORBytes(block, block, before)
		before = data[i : i+des.BlockSize]
	}
	return out
}
