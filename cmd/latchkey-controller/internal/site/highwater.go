package site

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// highWaterFile is the name of the file in a site's directory that says how far its database has been.
// A database that is behind it was put back to an older state: by a restore to a point in time, from a
// dump, by a failover to a server that lagged behind, or a file copied by hand.
const highWaterFile = "high-water"

// A highWater is what was committed when it was noted.
type highWater struct {
	Site     string `json:"site"`
	Epoch    uint64 `json:"epoch"`
	Revision uint64 `json:"revision"`
	Hash     string `json:"hash"`     // of the log at that revision
	Activity int64  `json:"activity"` // the newest event's id
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

// CheckHighWater begins a new epoch and raises an alarm if the database is behind what this directory
// has noted, and notes then how far it is. It returns the epoch; 0: the database is not behind. Only
// who serves the site calls it.
//
// Readers notice the same as soon as one shows a position that the log lacks, but only of what
// they know: not of activity, and not before they are connected.
func (s *Site) CheckHighWater(ctx context.Context, at clock.Reading) (epoch uint64, err error) {
	path := filepath.Join(s.dir, highWaterFile)
	noted, err := readHighWater(path)
	if err != nil {
		return 0, err
	}
	if noted != nil && noted.Site == s.ID.String() {
		if epoch, err = s.reissueIfBehind(ctx, at, noted); err != nil {
			return 0, err
		}
	}
	now := highWater{Site: s.ID.String()}
	err = s.View(ctx, func(tx *store.Tx) error {
		head, err := tx.Head()
		if err == nil {
			now.Epoch, now.Revision, now.Hash = head.Epoch, head.Revision, hex.EncodeToString(head.Hash[:])
			now.Activity, err = tx.NewestEvent()
		}
		return err
	})
	if err != nil || noted != nil && now == *noted {
		return epoch, err
	}
	b, err := json.Marshal(now)
	if err != nil {
		return epoch, err
	}
	return epoch, durable.WriteFile(path, append(b, '\n'), 0o600)
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

func (s *Site) reissueIfBehind(ctx context.Context, at clock.Reading, noted *highWater) (epoch uint64, err error) {
	position, err := noted.position()
	if err != nil {
		return 0, err
	}
	behind, err := s.Lacks(ctx, position)
	if err == nil && !behind {
		err = s.View(ctx, func(tx *store.Tx) error {
			last, err := tx.LastEventID()
			behind = last < noted.Activity
			return err
		})
	}
	if err != nil || !behind {
		return 0, err
	}
	if epoch, err = s.Reissue(ctx, at.Wall, noted.Epoch); err != nil {
		return 0, err
	}
	return epoch, s.AddAlarm(ctx, &store.Alarm{Kind: store.LogForeign, At: at.Wall.UnixMilli(),
		Text: "the database was restored to an older state: it is behind what this controller has seen in it; check the users and readers that were changed since then"})
}
