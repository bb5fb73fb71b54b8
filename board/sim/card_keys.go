package sim

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"slices"
	"time"
)

// Bits of key settings.
const (
	masterChangeable   = 0x01
	listsFree          = 0x02
	createFree         = 0x04
	settingsChangeable = 0x08
)

// Upper half of an application's key settings: the key that changes keys.
const (
	changedBySameKey = 0xE
	changedByNone    = 0xF
)

const masterKey = 0

// isMaster reports whether the session is one of the master key of what is selected.
func (c *cardChip) isMaster() bool {
	return c.session != nil && c.key == masterKey
}

// keyVersion is GetKeyVersion.
func (c *cardChip) keyVersion(number []byte) ([]byte, status) {
	if int(number[0]) >= len(c.app.Keys) {
		return nil, stNoSuchKey
	}
	return []byte{c.app.Keys[number[0]].version(c.app.Type)}, stOK
}

// version is that of a key. DES keys carry it in the lowest bits of their first
// 8 bytes.
func (k *cardKey) version(t keyType) (version byte) {
	if t == typeAES {
		return k.Version
	}
	for _, b := range k.Value[:8] {
		version = version<<1 | b&1
	}
	return version
}

// keySettings is GetKeySettings.
func (c *cardChip) keySettings([]byte) ([]byte, status) {
	if c.app.Settings&listsFree == 0 && !c.isMaster() {
		return nil, stAuth
	}
	return []byte{c.app.Settings, byte(len(c.app.Keys)) | byte(c.app.Type)}, stOK
}

func (c *cardChip) planChangeKeySettings([]byte) (protection, status) {
	if !c.isMaster() {
		return protection{}, stAuth
	}
	return protection{in: commFull, out: commBasic, n: 1}, stOK
}

// changeKeySettings is ChangeKeySettings.
func (c *cardChip) changeKeySettings(_, data []byte) ([]byte, status) {
	if c.app.Settings&settingsChangeable == 0 {
		return nil, stDenied
	}
	app := c.app
	c.write(func() { app.Settings = data[0] }, nil)
	return nil, stOK
}

// planSetConfiguration lets nobody configure these cards: what it changes is for
// ever, and no program here wants it.
func (c *cardChip) planSetConfiguration([]byte) (protection, status) {
	if !c.isMaster() {
		return protection{}, stAuth
	}
	return protection{}, stDenied
}

// target takes a ChangeKey's key number apart. At the PICC level it has the type
// of the new key.
func (c *cardChip) target(number byte) (key byte, t keyType, st status) {
	key, t = number, c.app.Type
	if c.app == c.m.picc {
		key, t = number&0x3F, keyType(number&0xC0)
		if t == typeAES|type3K3DES || c.m.kind == D40 && t != typeDES {
			return 0, 0, stParameter
		}
	}
	if int(key) >= len(c.app.Keys) {
		return 0, 0, stNoSuchKey
	}
	return key, t, stOK
}

// planChangeKey finds out whether the session may change a key, and how long its
// cryptogram is. Another key than the session's comes as the difference to the old
// one, with a checksum of the new one.
func (c *cardChip) planChangeKey(header []byte) (protection, status) {
	if c.session == nil {
		return protection{}, stAuth
	}
	key, t, st := c.target(header[0])
	if st != stOK {
		return protection{}, st
	}
	if st := c.mayChange(key); st != stOK {
		return protection{}, st
	}
	p := protection{in: commFull, out: commBasic, n: t.size()}
	if t == typeAES {
		p.n++
	}
	if key != c.key {
		p.trailer = len(c.keyChecksum(nil))
	}
	return p, stOK
}

func (c *cardChip) mayChange(key byte) status {
	by := c.app.Settings >> 4
	if c.app == c.m.picc {
		by = masterKey
	}
	switch {
	case key == masterKey && c.app.Settings&masterChangeable == 0,
		key != masterKey && by == changedByNone:
		return stDenied
	case key == masterKey || by == key: // a key that changes others is changed by the master
		by = masterKey
	case by == changedBySameKey:
		by = key
	}
	if c.key != by {
		return stAuth
	}
	return stOK
}

// keyChecksum is that of a new key in the messaging of the session.
func (c *cardChip) keyChecksum(key []byte) []byte {
	if _, ok := c.session.(d40Session); ok {
		return checksum16(key)
	}
	return checksum32(key)
}

// changeKey is ChangeKey. The session of a key ends with that key, and its reply
// has no MAC.
func (c *cardChip) changeKey(header, data []byte) ([]byte, status) {
	number, t, _ := c.target(header[0])
	app, old := c.app, c.app.Keys[number]
	value, rest := slices.Clone(data[:t.size()]), data[t.size():]
	fresh := &cardKey{Value: value}
	if t == typeAES {
		fresh.Version, rest = rest[0], rest[1:]
	}
	if number != c.key {
		subtle.XORBytes(value, value, old.Value)
		if !bytes.Equal(rest, c.keyChecksum(value)) {
			return nil, stIntegrity
		}
	} else {
		c.session = nil
	}
	c.took = cmp.Or(c.m.opts.KeyTime, 10*time.Millisecond)
	c.write(func() { app.Keys[number], app.Type = fresh, t }, nil)
	return nil, stOK
}
