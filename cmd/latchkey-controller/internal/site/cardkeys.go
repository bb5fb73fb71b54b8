package site

import (
	"context"
	"crypto/aes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// A cardMaster makes the keys of all cards of a site. It never leaves the controller, so
// that the keys of one card tell nothing about those of another.
type cardMaster struct {
	master [16]byte
	site   wire.SiteID
}

// newCardMaster makes the card master key, from the seed of the site's signing key: so a
// backup from before a site had one gives the same.
func newCardMaster(v *vault.Vault, signing []byte) (sealed []byte, err error) {
	key, err := hkdf.Key(sha256.New, signing, nil, sealedCardMaster, 16)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return v.Seal(sealedCardMaster, 0, key), nil
}

// addCardMaster gives a site that is older than such keys its card master key.
func (s *Site) addCardMaster(ctx context.Context) error {
	return s.Update(ctx, func(tx *store.Tx) error {
		if row, err := tx.Site(); err != nil || len(row.CardMaster) > 0 { // another program was faster
			return err
		}
		seed := s.signing.Seed()
		defer clear(seed)
		sealed, err := newCardMaster(s.vault, seed)
		if err != nil {
			return err
		}
		return tx.SetCardMaster(sealed)
	})
}

// cardMaster decrypts the card master key. The caller wipes it.
func (s *Site) cardMaster(tx *store.Tx) (*cardMaster, error) {
	row, err := tx.Site()
	if err != nil {
		return nil, err
	}
	return s.openCardMaster(row)
}

func (s *Site) openCardMaster(row *store.Site) (*cardMaster, error) {
	b, err := s.vault.Unseal(sealedCardMaster, 0, row.CardMaster)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	if len(b) != 16 {
		return nil, fmt.Errorf("card master key: %d bytes", len(b))
	}
	return &cardMaster{[16]byte(b), s.ID}, nil
}

func (m *cardMaster) wipe() { clear(m.master[:]) }

// id returns by what the database knows a card. It tells nothing about the UID.
func (m *cardMaster) id(uid []byte) [16]byte {
	mac := hmac.New(sha256.New, m.master[:])
	mac.Write(uid)
	return [16]byte(mac.Sum(nil))
}

// provingKey is the index, in wire.CardChip.Keys, of the key with which a card proves
// itself.
func provingKey(chip wire.CardChip) int {
	if chip == wire.NTAG424 {
		return 1
	}
	return 2 // after the key of the card itself
}

// Identifiers of applications, as they are sent to a card.
var (
	cardItself  = [3]byte{}
	application = [3]byte{0xF4, 0x4C, 0x4B}
)

// key returns a key of a card: AN10922, with the UID, the application's identifier, the
// site's id, the key's index and the generation as its input.
func (m *cardMaster) key(uid []byte, chip wire.CardChip, index int, generation uint8) [16]byte {
	aid := application
	if index == 0 && chip != wire.NTAG424 {
		aid = cardItself
	}
	input := append(append(append([]byte{}, uid...), aid[:]...), m.site[:]...)
	return diversify(&m.master, append(input, byte(index), generation))
}

// set returns all keys of a card of one generation.
func (m *cardMaster) set(uid []byte, chip wire.CardChip, generation uint8) wire.KeySet {
	set := wire.KeySet{Generation: generation}
	if generation == 0 {
		return set
	}
	for index := range chip.Keys() {
		key := m.key(uid, chip, index, generation)
		set.Keys = append(set.Keys, key[:]...)
		clear(key[:])
	}
	return set
}

// wrap returns the key of a card that proves itself, as readers get it with its
// credential; nil: the card can be copied.
func (m *cardMaster) wrap(with *pin.Keys, c *store.Credential, uid []byte) ([]byte, error) {
	if c.Chip == 0 {
		return nil, nil
	}
	wrapping, err := with.WrappingKey(uid)
	if err != nil {
		return nil, err
	}
	defer clear(wrapping[:])
	key := wire.CardKey{Chip: c.Chip, Key: m.key(uid, c.Chip, provingKey(c.Chip), c.Generation)}
	defer clear(key.Key[:])
	return key.Wrap(wrapping)
}

// checkCardKey returns an error unless a credential has the key of its card.
func (s *Site) checkCardKey(tx *store.Tx, with *pin.Keys, c *store.Credential, uid []byte) error {
	if c.Chip == 0 && len(c.CardKey) == 0 {
		return nil
	}
	wrapping, err := with.WrappingKey(uid)
	if err != nil {
		return err
	}
	defer clear(wrapping[:])
	key, err := wire.UnwrapCardKey(wrapping, c.CardKey)
	if err != nil {
		return fmt.Errorf("credential %d: %w", c.ID, err)
	}
	defer clear(key.Key[:])
	master, err := s.cardMaster(tx)
	if err != nil {
		return err
	}
	defer master.wipe()
	want := master.key(uid, c.Chip, provingKey(c.Chip), c.Generation)
	defer clear(want[:])
	if key.Chip != c.Chip || subtle.ConstantTimeCompare(key.Key[:], want[:]) != 1 {
		return fmt.Errorf("credential %d: its card has another key", c.ID)
	}
	return nil
}

// diversify returns the key that AN10922 §2.2 derives with AES-128 from 1 to 31 bytes: a
// CMAC (NIST SP 800-38B) over two blocks, even if one would do.
func diversify(master *[16]byte, input []byte) (key [16]byte) {
	block, err := aes.NewCipher(master[:])
	if err != nil || len(input) < 1 || len(input) > 31 {
		panic("site: no input for the key of a card") // UIDs have at most 10 bytes
	}
	var subkey [16]byte
	block.Encrypt(subkey[:], subkey[:])
	double(&subkey)
	d := append([]byte{1}, input...)
	if len(d) < 32 {
		double(&subkey)
		d = append(d, 0x80)
	}
	d = append(d, make([]byte, 32-len(d))...)
	subtle.XORBytes(d[16:], d[16:], subkey[:])
	block.Encrypt(key[:], d[:16])
	subtle.XORBytes(key[:], key[:], d[16:])
	block.Encrypt(key[:], key[:])
	return key
}

// double multiplies by x in GF(2^128), as SP 800-38B §6.1 makes subkeys, in constant time.
func double(b *[16]byte) {
	carry := b[0] >> 7
	for i := range 15 {
		b[i] = b[i]<<1 | b[i+1]>>7
	}
	b[15] = b[15]<<1 ^ 0x87&-carry
}
