package adoption

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// A Site is what a reader keeps of its adoption besides the epoch and the policy. It is
// written last: a reader belongs to a site once it has all that it needs.
type Site struct {
	Bundle      uint64      `cbor:"1,keyasint"` // number of the bundle
	ID          wire.SiteID `cbor:"2,keyasint"`
	Name        string      `cbor:"3,keyasint"`
	Reader      string      `cbor:"4,keyasint"` // the reader's id
	Controller  [32]byte    `cbor:"5,keyasint"` // Ed25519
	Certificate []byte      `cbor:"6,keyasint"` // DER
	Authority   []byte      `cbor:"7,keyasint"` // DER
	Broker      string      `cbor:"8,keyasint,omitempty"`
	// First says that the reader has not begun its first journal: only then may it be
	// without one.
	First bool `cbor:"9,keyasint,omitempty"`
	// Replaced says that the site replaced another one, or a later state of itself, and
	// that the journal does not tell of it yet.
	Replaced bool `cbor:"10,keyasint,omitempty"`
	// Others are further brokers, after Broker.
	Others []string `cbor:"11,keyasint,omitempty"`
}

// Brokers returns the URLs of the bundle's brokers, in order.
func (s *Site) Brokers() []string {
	return (&wire.Bundle{Broker: s.Broker, Others: s.Others}).Brokers()
}

// ControllerKey verifies what the site's controller signs.
func (s *Site) ControllerKey() ed25519.PublicKey { return s.Controller[:] }

// ReadSite reads which site has adopted the reader; the error wraps
// fs.ErrNotExist when none has.
func ReadSite(dir string) (*Site, error) {
	b, err := datadir.Read(filepath.Join(dir, datadir.Site), wire.MaxMessage)
	if err != nil {
		return nil, err
	}
	var s Site
	if err := wire.Unmarshal(b, wire.MaxMessage, &s); err != nil {
		return nil, errSiteDamaged
	}
	return &s, nil
}

// errSiteDamaged means that nobody can tell any more which site the reader belongs to.
var errSiteDamaged = errors.New(datadir.Site + " is damaged: have the controller write a new bundle, and adopt it with --replace-site")

// NeverBegun says whether a data directory has nothing that a site has left there: no bundle on
// its way in, and no part of a damaged journal, which may have told of a site. If it cannot be
// read, it may have.
func NeverBegun(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == datadir.Site, name == datadir.Adoption, name == datadir.Connection, name == "policy.cbor", strings.HasPrefix(name, "epoch-"):
			return false
		}
	}
	damaged, err := filepath.Glob(filepath.Join(dir, datadir.Journal, "damaged-*"))
	return err == nil && len(damaged) == 0
}

func (s *Site) write(dir string) error {
	return durable.WriteFile(filepath.Join(dir, datadir.Site), wire.Marshal(s), 0o600)
}

// CheckReader refuses the site if it adopted the reader under another id than
// the config's; "": the config names none.
func (s *Site) CheckReader(id string) error {
	if id == "" || s.Reader == id {
		return nil
	}
	return fmt.Errorf("the site adopted this reader as %s, but reader.id is %s in the config: make them equal", s.Reader, id)
}

// JournalBegun notes, if that is new, that the reader has a journal, so that a missing
// one counts as lost from now on, and that the journal tells of the site. If that cannot
// be written, s stays as it was.
func (s *Site) JournalBegun(dir string) error {
	if !s.First && !s.Replaced {
		return nil
	}
	noted := *s
	noted.First, noted.Replaced = false, false
	if err := noted.write(dir); err != nil {
		return err
	}
	*s = noted
	return nil
}
