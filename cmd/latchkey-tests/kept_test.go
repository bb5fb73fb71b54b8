package tests

import (
	"crypto/ed25519"
	"os"
	"path/filepath"

	"latchkey/device/cache"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// site is what a reader keeps of the site that adopted it, as far as tests look
// at it.
type site struct {
	ID              wire.SiteID
	Controller      ed25519.PublicKey
	First, Replaced bool
}

// readSite reads it from a data directory.
func readSite(dir string) (*site, error) {
	b, err := os.ReadFile(filepath.Join(dir, "site.cbor"))
	if err != nil {
		return nil, err
	}
	var kept struct {
		Bundle      uint64      `cbor:"1,keyasint"`
		ID          wire.SiteID `cbor:"2,keyasint"`
		Name        string      `cbor:"3,keyasint"`
		Reader      string      `cbor:"4,keyasint"`
		Controller  [32]byte    `cbor:"5,keyasint"`
		Certificate []byte      `cbor:"6,keyasint"`
		Authority   []byte      `cbor:"7,keyasint"`
		Broker      string      `cbor:"8,keyasint,omitempty"`
		First       bool        `cbor:"9,keyasint,omitempty"`
		Replaced    bool        `cbor:"10,keyasint,omitempty"`
	}
	if err := wire.Unmarshal(b, wire.MaxMessage, &kept); err != nil {
		return nil, err
	}
	return &site{kept.ID, kept.Controller[:], kept.First, kept.Replaced}, nil
}

// credentials are those on a reader's disk, with their keys.
type credentials struct {
	cache *cache.Cache
	epoch cache.Epoch
	key   *pin.Keys
	err   error // why there are no keys
}

func openCredentials(o cache.Options) *credentials {
	c := &credentials{cache: cache.Open(o)}
	if c.epoch, c.err = c.cache.Epoch(); c.err != nil {
		return c
	}
	raw, err := cache.ReadKey(c.epoch.KeyFile)
	if c.err = err; err == nil {
		c.key, c.err = pin.NewKeys(raw)
	}
	return c
}
