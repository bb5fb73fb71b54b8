package site

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// highWaterFile is the name of the file in a site's directory that says how far its database has been.
// A database that has not been there was put back to an older state: by a restore to a point in time, from a
// dump, by a failover to a server that lagged behind, or a file copied by hand.
const highWaterFile = "high-water"

// A highWater is what was committed when it was noted.
type highWater struct {
	Site     string `json:"site"`
	Epoch    uint64 `json:"epoch"`
	Revision uint64 `json:"revision"`
	Hash     string `json:"hash"`     // of the log at that revision
	Activity int64  `json:"activity"` // the newest event's id
	Event    string `json:"event"`    // that event's hash; "": not noted
}

func (h *highWater) position() (p wire.Position, err error) {
	hash, err := hex.DecodeString(h.Hash)
	if err == nil && len(hash) != len(p.Hash) {
		err = fmt.Errorf("a hash of %d bytes", len(hash))
	}
	if err != nil {
		return p, err
	}
	return wire.Position{Epoch: h.Epoch, Revision: h.Revision, Hash: wire.Hash(hash)}, nil
}

// A HighWater is how far this process, and those before it in the site's directory, have seen the
// database be. Only who serves the site has one: who leads it looks, who stands by follows.
type HighWater struct {
	site  *Site
	seen  *highWater // nil: nothing
	noted highWater  // in the file
}

// HighWater returns what the site's directory has noted.
func (s *Site) HighWater() (*HighWater, error) {
	h := &HighWater{site: s}
	noted, err := readHighWater(h.path())
	if noted != nil {
		h.noted = *noted
		if noted.Site == s.ID.String() {
			h.seen = noted
		}
	}
	return h, err
}

func (h *HighWater) path() string { return filepath.Join(h.site.dir, highWaterFile) }

// Look begins a new epoch and raises an alarm if the database has not been where it was seen last, and
// sees then how far it is. It returns the epoch; 0: none begins.
//
// Readers notice the same as soon as one shows a position that the log lacks, but only of what
// they know: not of activity, and not before they are connected.
func (h *HighWater) Look(ctx context.Context, at clock.Reading) (epoch uint64, err error) {
	if h.seen != nil {
		if epoch, err = h.site.reissueIfBehind(ctx, at, h.seen); err != nil {
			return 0, err
		}
	}
	return epoch, h.see(ctx)
}

// Follow sees how far the database is, but begins no epoch: that is for the leader, which may not have seen as much. It
// says whether the database has not been where it was seen last, and nobody has noticed yet; then that is what was seen
// still, for Look to find when this process leads.
func (h *HighWater) Follow(ctx context.Context) (behind bool, err error) {
	if h.seen != nil {
		if behind, err = h.site.behind(ctx, h.seen); behind || err != nil {
			return behind, err
		}
	}
	return false, h.see(ctx)
}

func (h *HighWater) see(ctx context.Context) error {
	now := &highWater{Site: h.site.ID.String()}
	err := h.site.View(ctx, func(tx *store.Tx) error {
		head, err := tx.Head()
		if err == nil {
			now.Epoch, now.Revision, now.Hash = head.Epoch, head.Revision, hex.EncodeToString(head.Hash[:])
			now.Activity, now.Event, err = tx.NewestEvent()
		}
		return err
	})
	if err == nil {
		h.seen = now
	}
	return err
}

// Note notes in the site's directory what Look or Follow has seen.
func (h *HighWater) Note() error {
	if h.seen == nil || *h.seen == h.noted {
		return nil
	}
	b, err := json.Marshal(h.seen)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(h.path(), append(b, '\n'), 0o600); err != nil {
		return err
	}
	h.noted = *h.seen
	return nil
}

// readHighWater returns what was noted; nil: nothing, or nothing that can be read.
func readHighWater(path string) (*highWater, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var noted highWater
	if json.Unmarshal(b, &noted) != nil {
		return nil, nil
	}
	if _, err := noted.position(); err != nil {
		return nil, nil
	}
	return &noted, nil
}

// Behind says whether the database is behind what this directory has noted, so that it was put back to
// an older state. It changes nothing: HighWater.Look does what is to be done then.
func (s *Site) Behind(ctx context.Context) (bool, error) {
	h, err := s.HighWater()
	if err != nil || h.seen == nil {
		return false, err
	}
	return s.behind(ctx, h.seen)
}

func (s *Site) behind(ctx context.Context, noted *highWater) (behind bool, err error) {
	err = s.View(ctx, func(tx *store.Tx) error {
		behind, err = noted.above(tx)
		return err
	})
	return behind, err
}

// above says whether the database is behind, and nobody has begun an epoch for that yet: a reader may have shown it
// first, or another controller noticed.
func (h *highWater) above(tx *store.Tx) (bool, error) {
	position, err := h.position()
	if err != nil {
		return false, err
	}
	if behind, err := lacks(tx, position); err != nil || behind {
		return behind, err
	}
	if had, err := tx.HadEvent(h.Activity, h.Event); err != nil || had {
		return false, err
	}
	head, err := tx.Head()
	if err != nil || head.Epoch <= h.Epoch {
		return true, err
	}
	noticed, err := tx.NoticedRestore(h.Activity)
	return !noticed, err
}

func (s *Site) reissueIfBehind(ctx context.Context, at clock.Reading, noted *highWater) (epoch uint64, err error) {
	behind, err := s.behind(ctx, noted)
	if err != nil || !behind {
		return 0, err
	}
	epoch, err = s.reissue(ctx, s.Time(at), noted.Epoch, func(tx *store.Tx) error {
		if behind, err := noted.above(tx); err != nil || !behind {
			return cmp.Or(err, ErrNoticed)
		}
		return nil
	}, func(tx *store.Tx) error {
		return tx.AddAlarm(store.NewAlarm("", store.LogForeign, at.Wall.UnixMilli(),
			language.Say("the database was restored to an older state: it lacks what this controller has seen in it; check the users and readers that were changed since then")))
	})
	if errors.Is(err, ErrNoticed) {
		return 0, nil
	}
	return epoch, err
}
