package site

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// maxModes bounds the modes that are wanted at once, maxKept those at which doors may be kept
// locked or unlocked, maxPlaced those at which a mode may be wanted of a door or a location:
// there is always room for a lockdown, and for one of the whole site whatever is done at a place.
const maxModes, maxPlaced, maxKept = 256, 240, 128

// AddMode adds a mode that somebody wants, and gives it to all readers of its place. It
// fills in its ID.
func AddMode(tx *store.Tx, now time.Time, m *store.Mode) error {
	wanted, err := tx.Modes(now.Unix())
	if err != nil {
		return err
	}
	most := maxPlaced
	switch {
	case m.Mode == wire.ModeLocked, m.Mode == wire.ModeUnlocked:
		most = maxKept
	case m.Level == "site":
		most = maxModes
	}
	if len(wanted) >= most {
		return refuse("%d modes are wanted at once, which is the most there can be; end some of them first", most)
	}
	if err := tx.AddMode(m); err != nil {
		return err
	}
	return spreadModes(tx, now, m)
}

// EndMode ends a mode, and gives the readers of its place what else is wanted there; by is
// who ends it.
func EndMode(tx *store.Tx, now time.Time, m *store.Mode, by string) error {
	if err := tx.EndMode(m.ID, now.UnixMilli(), by); err != nil {
		return err
	}
	return spreadModes(tx, now, m)
}

// EndModesOver notes the end of the modes whose time is over, and takes them from the
// policies: a reader whose clock is not to be trusted does not know that they have ended.
// Call it regularly.
func (s *Site) EndModesOver(ctx context.Context, now time.Time) error {
	var over bool
	err := s.View(ctx, func(tx *store.Tx) error {
		modes, err := tx.ModesOver(now.Unix())
		over = len(modes) > 0
		return err
	})
	if err != nil || !over {
		return err
	}
	return s.Update(ctx, func(tx *store.Tx) error { return endModesOver(tx, now) })
}

func endModesOver(tx *store.Tx, now time.Time) error {
	modes, err := tx.ModesOver(now.Unix())
	if err != nil {
		return err
	}
	for _, m := range modes {
		if err := tx.EndMode(m.ID, m.Until*1000, ""); err != nil {
			return err
		}
		if err := spreadModes(tx, now, m); err != nil {
			return err
		}
	}
	return nil
}

// endOpenModes ends the modes that hold doors open, for a site that is restored, and counts
// those that it ended and those that are still wanted.
func endOpenModes(tx *store.Tx, now time.Time) (ended, wanted map[wire.Mode]int, err error) {
	if err := endModesOver(tx, now); err != nil {
		return nil, nil, err
	}
	modes, err := tx.Modes(now.Unix())
	if err != nil {
		return nil, nil, err
	}
	ended, wanted = map[wire.Mode]int{}, map[wire.Mode]int{}
	for _, m := range modes {
		if !m.Mode.Holds() {
			wanted[m.Mode]++
			continue
		}
		ended[m.Mode]++
		if err := EndMode(tx, now, m, "restore"); err != nil {
			return nil, nil, err
		}
	}
	return ended, wanted, nil
}

// spreadModes puts what is wanted now into the policies of all readers where a mode is or
// was wanted.
func spreadModes(tx *store.Tx, now time.Time, m *store.Mode) error {
	readers, err := ReadersOf(tx, m)
	if err != nil {
		return err
	}
	return putModesOf(tx, now, readers, false)
}

// putAtOnce is how many readers' policies are changed by one statement.
const putAtOnce = 1000

// putModesOf is putModes for readers by their ids, which are sorted.
func putModesOf(tx *store.Tx, now time.Time, readers []string, anew bool) error {
	for some := range slices.Chunk(readers, putAtOnce) {
		policies, err := tx.Policies(some)
		if err != nil {
			return err
		}
		if err := putModes(tx, now, anew, policies...); err != nil {
			return err
		}
	}
	return nil
}

// putModes puts the modes that are wanted now at readers into their policies, and stores each
// with a new revision if this changes it, or anew says that they are others than are
// stored.
func putModes(tx *store.Tx, now time.Time, anew bool, policies ...*wire.Policy) error {
	readers := make([]string, len(policies))
	for i, p := range policies {
		readers[i] = p.Reader
	}
	wanted, err := tx.ModesAt(now.Unix(), readers...)
	if err != nil {
		return err
	}
	var changed []*wire.Policy
	for _, p := range policies {
		modes := policyModes(wanted[p.Reader])
		if anew || !slices.Equal(p.Modes, modes) {
			p.Modes = modes
			changed = append(changed, p)
		}
	}
	if len(changed) > 0 {
		if err := tx.SetPolicies(now.Unix(), changed...); err != nil {
			return err
		}
	}
	return carryModes(tx, now, policies, wanted, changed)
}

// ReadersOf returns the ids of all readers at the place of a mode, sorted.
func ReadersOf(tx *store.Tx, m *store.Mode) ([]string, error) {
	switch m.Level {
	case "location":
		return tx.ReadersAt(store.Locations, m.Place)
	case "door":
		return tx.ReadersAt(store.Doors, m.Place)
	}
	return tx.Readers()
}

// policyModes returns what a reader's policy has of the modes that cover its place: of
// each the one that lasts longest, and of equal ones the newest.
func policyModes(wanted []*store.Mode) (modes []wire.WantedMode) {
	for _, mode := range wire.Modes() {
		var longest *store.Mode
		for _, m := range wanted { // the oldest first
			if m.Mode == mode && (longest == nil || m.Until == 0 || longest.Until != 0 && m.Until >= longest.Until) {
				longest = m
			}
		}
		if longest != nil {
			modes = append(modes, wire.WantedMode{Mode: mode, Until: longest.Until, By: longest.Who})
		}
	}
	return modes
}

// carryModes notes that readers' policies carry the modes wanted, and no others. changed are those
// that are new: in the others a mode that adds nothing to one that the reader has
// confirmed is confirmed at once.
func carryModes(tx *store.Tx, now time.Time, policies []*wire.Policy, wanted map[string][]*store.Mode, changed []*wire.Policy) error {
	carried, added, removed := map[string][]*store.ModeReader{}, []*store.ModeReader(nil), map[int64][]string{}
	readers, isNew := make([]string, len(policies)), map[*wire.Policy]bool{}
	for i, p := range policies {
		readers[i] = p.Reader
	}
	for _, p := range changed {
		isNew[p] = true
	}
	all, err := tx.ModesCarried(readers...)
	if err != nil {
		return err
	}
	for _, c := range all {
		carried[c.Reader] = append(carried[c.Reader], c)
		if !slices.ContainsFunc(wanted[c.Reader], func(m *store.Mode) bool { return m.ID == c.Mode }) {
			removed[c.Mode] = append(removed[c.Mode], c.Reader)
		}
	}
	for _, p := range policies {
		for _, m := range wanted[p.Reader] {
			if slices.ContainsFunc(carried[p.Reader], func(c *store.ModeReader) bool { return c.Mode == m.ID }) {
				continue
			}
			row := &store.ModeReader{Mode: m.ID, Reader: p.Reader, Revision: p.Revision, Asked: now.UnixMilli()}
			if !isNew[p] && slices.ContainsFunc(carried[p.Reader], func(c *store.ModeReader) bool { return c.Is == m.Mode && c.Confirmed != 0 }) {
				row.Confirmed = row.Asked
			}
			added = append(added, row)
		}
	}
	for mode, readers := range removed {
		if err := tx.RemoveModeReaders(mode, readers); err != nil {
			return err
		}
	}
	return tx.AddModeReaders(added...)
}

// A ModeReport is what a reader's state says of modes.
type ModeReport struct {
	Reader   string
	Bundle   uint64    // in force when it came
	At       time.Time // when it came
	Level    int       // what the reader understands; store.LevelUnknown: as before
	Revision uint64    // of the policy in force
	Mode     wire.Mode // in force; "": of a reader that knows none
}

// confirms says whether the report confirms a mode.
func (r *ModeReport) confirms(c *store.ModeReader) bool {
	return r.Mode != "" && r.Revision >= c.Revision && !c.Is.Above(r.Mode)
}

// TakeModes notes what readers report of modes: what they have confirmed, and what they
// understand. A reader that understands something else than before gets its policy anew, in
// the form that it knows, if that makes a difference; renewed are these.
func (s *Site) TakeModes(ctx context.Context, reports []ModeReport) (renewed []string, err error) {
	var due []ModeReport
	err = s.View(ctx, func(tx *store.Tx) error {
		awaited, err := tx.AnyModeAwaited()
		if err != nil {
			return err
		}
		for _, r := range reports {
			tells, err := r.tells(tx, awaited)
			if err != nil {
				return err
			}
			if tells {
				due = append(due, r)
			}
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	err = s.store.Keep(ctx, func(tx *store.Tx) error {
		renewed = nil
		for _, r := range due {
			anew, err := r.take(tx)
			if err != nil {
				return err
			}
			if anew {
				renewed = append(renewed, r.Reader)
			}
		}
		return nil
	})
	return renewed, err
}

// tells says whether the report tells anything new; awaited that some reader has something
// to confirm.
func (r *ModeReport) tells(tx *store.Tx, awaited bool) (bool, error) {
	level, err := tx.ReaderLevel(r.Reader)
	if err != nil || r.relevels(level) {
		return err == nil, ignoreAbsent(err)
	}
	if !awaited {
		return false, nil
	}
	modes, err := tx.ModesAwaited(r.Reader)
	return slices.ContainsFunc(modes, r.confirms), err
}

// relevels says whether the reader understands something else than what is stored.
func (r *ModeReport) relevels(level int) bool {
	return r.Level != level && r.Level != store.LevelUnknown
}

// take notes what the report tells, and says whether the reader gets its policy anew.
func (r *ModeReport) take(tx *store.Tx) (renewed bool, err error) {
	b, err := tx.BundleOf(r.Reader)
	if err != nil || b.Number != r.Bundle {
		return false, ignoreAbsent(err) // removed or adopted anew meanwhile
	}
	modes, err := tx.ModesAwaited(r.Reader)
	if err != nil {
		return false, err
	}
	for _, c := range modes {
		if r.confirms(c) {
			if err := tx.ConfirmMode(c.Reader, c.Mode, r.At.UnixMilli()); err != nil {
				return false, err
			}
		}
	}
	level, err := tx.ReaderLevel(r.Reader)
	if err != nil || !r.relevels(level) {
		return false, err
	}
	if err := tx.SetReaderLevel(r.Reader, r.Level); err != nil {
		return false, err
	}
	p, err := tx.Policy(r.Reader)
	if err != nil || string(wire.Marshal(forLevel(p, level))) == string(wire.Marshal(forLevel(p, r.Level))) {
		return false, err
	}
	return true, putModes(tx, r.At, true, p)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// forLevel returns a policy as a reader of a stored level understands it. One that has
// reported none yet may be an older one, which would refuse its bundle for what it does not
// know: it gets the rest with its first state.
func forLevel(p *wire.Policy, level int) *wire.Policy {
	if level == store.LevelUnknown {
		level = 0
	}
	return p.For(uint8(level))
}
