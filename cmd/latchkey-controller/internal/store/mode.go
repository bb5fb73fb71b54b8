package store

import "latchkey/sync/wire"

// A Mode is a mode that somebody wants doors to be in.
type Mode struct {
	ID      int64
	Mode    wire.Mode
	Level   string // "site", "location" or "door"
	Place   int64  // 0: the site
	Until   int64  // Unix seconds; 0: until somebody ends it
	Who     string
	At      int64  // Unix milliseconds
	Ended   int64  // Unix milliseconds; 0: not yet
	EndedBy string // "": it ended by itself
}

const modeColumns = `m.id, m.mode, m.level, m.place_id, m.until, m.who, m.at, m.ended, m.ended_by`

// AddMode adds a mode and fills in its ID.
func (t *Tx) AddMode(m *Mode) error {
	return t.row(`INSERT INTO modes (mode, level, place_id, until, who, at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{string(m.Mode), m.Level, m.Place, m.Until, m.Who, m.At}, &m.ID)
}

// Mode returns a mode, also one that has ended, or ErrNotFound.
func (t *Tx) Mode(id int64) (*Mode, error) {
	modes, err := t.modes(`FROM modes m WHERE m.id = ?`, id)
	if err == nil && len(modes) == 0 {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return modes[0], nil
}

// Modes returns the modes that are wanted at a time, Unix seconds, the oldest first.
func (t *Tx) Modes(now int64) ([]*Mode, error) {
	return t.modes(`FROM modes m WHERE m.ended = 0 AND (m.until = 0 OR m.until > ?) ORDER BY m.id`, now)
}

// ModesAt returns those of Modes that cover the places of some readers, by reader.
func (t *Tx) ModesAt(now int64, readers ...string) (map[string][]*Mode, error) {
	all, err := t.Modes(now)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	at := map[string][]*Mode{}
	return at, t.rows(`SELECT r.id, coalesce(d.id, 0), coalesce(h.location_id, 0)
		FROM readers r LEFT JOIN doors d ON d.id = r.door_id LEFT JOIN hubs h ON h.id = d.hub_id WHERE r.id IN `+listed, []any{list(readers)}, func(r scanner) error {
		var reader string
		var door, location int64
		err := r.Scan(&reader, &door, &location)
		for _, m := range all {
			if m.Level == "site" || m.Level == "location" && m.Place == location || m.Level == "door" && m.Place == door {
				at[reader] = append(at[reader], m)
			}
		}
		return err
	})
}

// ModesOver returns the modes of which nobody has noted that their time is over.
func (t *Tx) ModesOver(now int64) ([]*Mode, error) {
	return t.modes(`FROM modes m WHERE m.ended = 0 AND m.until <> 0 AND m.until <= ? ORDER BY m.id`, now)
}

// ModesOf returns the modes that are not noted as ended at a place itself.
func (t *Tx) ModesOf(level string, place int64) ([]*Mode, error) {
	return t.modes(`FROM modes m WHERE m.ended = 0 AND m.level = ? AND m.place_id = ? ORDER BY m.id`, level, place)
}

func (t *Tx) modes(from string, args ...any) (modes []*Mode, err error) {
	err = t.rows(`SELECT `+modeColumns+` `+from, args, func(r scanner) error {
		var m Mode
		modes = append(modes, &m)
		return r.Scan(&m.ID, &m.Mode, &m.Level, &m.Place, &m.Until, &m.Who, &m.At, &m.Ended, &m.EndedBy)
	})
	return modes, err
}

// EndMode notes when a mode ended, Unix milliseconds, and who ended it; "": it ended by
// itself.
func (t *Tx) EndMode(id, at int64, by string) error {
	return t.exec(`UPDATE modes SET ended = ?, ended_by = ? WHERE id = ?`, at, by, id)
}

// PruneModes deletes the modes that ended before a time, Unix milliseconds.
func (t *Tx) PruneModes(before int64) error {
	if err := t.exec(`DELETE FROM mode_readers WHERE mode_id IN (SELECT id FROM modes WHERE ended <> 0 AND ended < ?)`, before); err != nil {
		return err
	}
	return t.exec(`DELETE FROM modes WHERE ended <> 0 AND ended < ?`, before)
}

// A ModeReader is a wanted mode at one reader.
type ModeReader struct {
	Mode      int64 // its id
	Is        wire.Mode
	Reader    string
	Revision  uint64 // of the first policy that carries it
	Asked     int64  // since when, Unix milliseconds
	Confirmed int64  // when the reader said that it works so, Unix milliseconds; 0: not yet
}

// ModesCarried returns the modes that some readers' policies carry, by reader.
func (t *Tx) ModesCarried(readers ...string) ([]*ModeReader, error) {
	return t.modeReaders(`c.reader_id IN `+listed, list(readers))
}

// ModesAwaited returns the modes that a reader has not confirmed.
func (t *Tx) ModesAwaited(reader string) ([]*ModeReader, error) {
	return t.modeReaders(`c.reader_id = ? AND c.confirmed = 0`, reader)
}

// ModeReaders returns the readers with a bundle in force that carry a mode, by id.
func (t *Tx) ModeReaders(mode int64) ([]*ModeReader, error) {
	return t.modeReaders(`c.mode_id = ? AND c.reader_id IN (SELECT reader_id FROM bundles WHERE revoked = 0)`, mode)
}

func (t *Tx) modeReaders(where string, args ...any) (all []*ModeReader, err error) {
	err = t.rows(`SELECT c.mode_id, m.mode, c.reader_id, c.revision, c.asked, c.confirmed FROM mode_readers c JOIN modes m ON m.id = c.mode_id WHERE `+where+` ORDER BY c.reader_id, c.mode_id`, args, func(r scanner) error {
		var c ModeReader
		all = append(all, &c)
		return r.Scan(&c.Mode, &c.Is, &c.Reader, &c.Revision, &c.Asked, &c.Confirmed)
	})
	return all, err
}

// AnyModeAwaited says whether a reader has not confirmed a mode.
func (t *Tx) AnyModeAwaited() (any bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM mode_readers INDEXED BY mode_readers_awaited WHERE confirmed = 0)`, nil, &any)
	return any, err
}

// AddModeReaders notes that readers' policies carry modes.
func (t *Tx) AddModeReaders(carried ...*ModeReader) error {
	rows := make([][]any, len(carried))
	for i, c := range carried {
		rows[i] = []any{c.Reader, c.Mode, c.Revision, c.Asked, c.Confirmed}
	}
	return t.insert(`INSERT INTO mode_readers (reader_id, mode_id, revision, asked, confirmed) VALUES (?, ?, ?, ?, ?)`, rows)
}

// RemoveModeReaders notes that some readers' policies do not carry a mode any more.
func (t *Tx) RemoveModeReaders(mode int64, readers []string) error {
	return t.exec(`DELETE FROM mode_readers WHERE mode_id = ? AND reader_id IN `+listed, mode, list(readers))
}

// ConfirmMode notes that a reader has confirmed a mode, Unix milliseconds, unless it has
// before.
func (t *Tx) ConfirmMode(reader string, mode, at int64) error {
	return t.exec(`UPDATE mode_readers SET confirmed = ? WHERE reader_id = ? AND mode_id = ? AND confirmed = 0`, at, reader, mode)
}

// ForgetModeReaders forgets what all readers have confirmed.
func (t *Tx) ForgetModeReaders() error { return t.exec(`DELETE FROM mode_readers`) }

// LevelUnknown is the level of a reader that has reported no state yet.
const LevelUnknown = -1

// ReaderLevel returns what a reader understands (wire.State.Level) or LevelUnknown. The error
// is ErrNotFound if there is no such reader.
func (t *Tx) ReaderLevel(reader string) (level int, err error) {
	err = t.row(`SELECT level FROM readers WHERE id = ?`, []any{reader}, &level)
	return level, err
}

// SetReaderLevel stores what a reader understands.
func (t *Tx) SetReaderLevel(reader string, level int) error {
	return t.exec(`UPDATE readers SET level = ? WHERE id = ?`, level, reader)
}
