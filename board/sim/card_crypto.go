package sim

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// keyType is the type of a card's key, as the upper bits of a key number at the
// PICC level and of an application's second byte of settings have it.
type keyType byte

const (
	typeDES    keyType = 0x00 // DES, or 3DES with two keys if the halves differ
	type3K3DES keyType = 0x40
	typeAES    keyType = 0x80
)

// size is the length of a key in bytes.
func (t keyType) size() int {
	if t == type3K3DES {
		return 24
	}
	return 16
}

// newBlock is the cipher of a key of this type, or of a session key: those of
// single DES have 8 bytes.
func newBlock(t keyType, key []byte) cipher.Block {
	var b cipher.Block
	var err error
	switch {
	case t == typeAES:
		b, err = aes.NewCipher(key)
	case len(key) == 8:
		b, err = des.NewCipher(key)
	case len(key) == 16 && bytes.Equal(key[:8], key[8:]):
		b, err = des.NewCipher(key[:8])
	case len(key) == 16:
		b, err = des.NewTripleDESCipher(slices.Concat(key, key[:8]))
	default:
		b, err = des.NewTripleDESCipher(key)
	}
	if err != nil {
		panic("sim: " + err.Error()) // keys have the length of their type
	}
	return b
}

// encrypt is CBC from iv on, which becomes the last block.
func encrypt(b cipher.Block, iv, data []byte) []byte {
	out := make([]byte, len(data))
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(out, data)
	copy(iv, out[max(0, len(out)-len(iv)):])
	return out
}

// decrypt is CBC from iv on, which becomes the last block of cipher text.
func decrypt(b cipher.Block, iv, data []byte) []byte {
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(out, data)
	copy(iv, data[max(0, len(data)-len(iv)):])
	return out
}

// cmac is the CMAC of NIST SP 800-38B with a first vector, which becomes the
// result. A vector of zeros is the standard.
func cmac(b cipher.Block, iv, data []byte) []byte {
	n := b.BlockSize()
	sub := make([]byte, n)
	b.Encrypt(sub, sub)
	double(sub)
	if len(data) == 0 || len(data)%n != 0 {
		double(sub)
		data = pad80(data, n)
	} else {
		data = slices.Clone(data)
	}
	last := data[len(data)-n:]
	subtle.XORBytes(last, last, sub)
	encrypt(b, iv, data)
	return slices.Clone(iv)
}

// double multiplies by x in the field of 64 or 128 bits.
func double(v []byte) {
	reduce := byte(0x1B)
	if len(v) == aes.BlockSize {
		reduce = 0x87
	}
	carry := v[0] >> 7
	for i := range v {
		v[i] <<= 1
		if i+1 < len(v) {
			v[i] |= v[i+1] >> 7
		}
	}
	v[len(v)-1] ^= carry * reduce
}

// pad80 appends 80 and zeros up to whole blocks, always at least the 80.
func pad80(data []byte, n int) []byte {
	return padZero(append(slices.Clip(data), 0x80), n)
}

// padZero appends zeros up to whole blocks.
func padZero(data []byte, n int) []byte {
	return append(slices.Clip(data), make([]byte, padded(len(data), n)-len(data))...)
}

// padded is n rounded up to whole blocks.
func padded(n, block int) int {
	return (n + block - 1) / block * block
}

// unpad80 removes the padding of pad80; ok is false if there is none.
func unpad80(data []byte) (plain []byte, ok bool) {
	plain = bytes.TrimRight(data, "\x00")
	if len(plain) == 0 || plain[len(plain)-1] != 0x80 {
		return nil, false
	}
	return plain[:len(plain)-1], true
}

// checksum32 is a DESFire's CRC32: without the final inversion, LSB first.
func checksum32(parts ...[]byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, ^crc32.ChecksumIEEE(slices.Concat(parts...)))
}

// checksum16 is the CRC_A of ISO/IEC 14443-3, LSB first.
func checksum16(data []byte) []byte {
	crc := uint16(0x6363)
	for _, b := range data {
		b ^= byte(crc)
		b ^= b << 4
		crc = crc>>8 ^ uint16(b)<<8 ^ uint16(b)<<3 ^ uint16(b)>>4
	}
	return binary.LittleEndian.AppendUint16(nil, crc)
}

// rotate moves the first byte to the end.
func rotate(random []byte) []byte {
	return append(slices.Clone(random[1:]), random[0])
}
