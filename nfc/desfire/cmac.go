package desfire

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// cmac is the CMAC of NIST SP 800-38B over the parts joined, all bytes of it. It starts with iv
// instead of zeros, because the EV1 secure messaging chains its MACs.
func cmac(block cipher.Block, iv []byte, parts ...[]byte) []byte {
	size := block.BlockSize()
	sum, used := append([]byte(nil), iv...), 0
	for _, part := range parts {
		for _, b := range part {
			if used == size {
				block.Encrypt(sum, sum)
				used = 0
			}
			sum[used] ^= b
			used++
		}
	}
	subkey := make([]byte, size)
	block.Encrypt(subkey, subkey)
	double(subkey)
	if used < size {
		sum[used] ^= 0x80
		double(subkey)
	}
	subtle.XORBytes(sum, sum, subkey)
	block.Encrypt(sum, sum)
	return sum
}

// double multiplies by x in GF(2^128) or GF(2^64) (SP 800-38B section 6.1).
func double(b []byte) {
	carry := b[0] >> 7
	for i := range len(b) - 1 {
		b[i] = b[i]<<1 | b[i+1]>>7
	}
	reduction := byte(0x87)
	if len(b) == 8 {
		reduction = 0x1B
	}
	b[len(b)-1] = b[len(b)-1]<<1 ^ carry*reduction
}

// checksum is the CRC of a DESFire: CRC-32 without the inversion at its end, least significant
// byte first.
func checksum(parts ...[]byte) []byte {
	var sum uint32
	for _, part := range parts {
		sum = crc32.Update(sum, crc32.IEEETable, part)
	}
	return binary.LittleEndian.AppendUint32(nil, ^sum)
}

func encrypt(block cipher.Block, iv, plain []byte) []byte {
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, plain)
	return out
}

func decrypt(block cipher.Block, iv, encrypted []byte) []byte {
	out := make([]byte, len(encrypted))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, encrypted)
	return out
}

// rotate returns a random number as the other side has to send it back: its first byte last.
func rotate(random []byte) []byte {
	return append(append([]byte(nil), random[1:]...), random[0])
}

// same reports in constant time whether what a card sent is what was due.
func same(sent, due []byte) bool { return subtle.ConstantTimeCompare(sent, due) == 1 }

// split separates the data of an answer from the MAC of 8 bytes behind it.
func split(reply []byte) (data, mac []byte, err error) {
	n := len(reply) - 8
	if n < 0 {
		return nil, nil, fmt.Errorf("%w: answer without a MAC", ErrNotGenuine)
	}
	return reply[:n], reply[n:], nil
}
