package store

import (
	"testing"

	"latchkey/sync/wire"
)

func TestReadersThatHaveReportedBeforeThereWereModesKnowNone(t *testing.T) {
	dir := older(t, 11,
		`INSERT INTO readers (id, created) VALUES ('heard', 1), ('silent', 1)`,
		`INSERT INTO states (reader_id, bundle, connection, counter, offline, state, received) VALUES ('heard', 1, 1, 1, 0, x'', 1)`,
	)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *Tx) error {
		for reader, want := range map[string]int{"heard": 0, "silent": LevelUnknown} {
			if level, err := tx.ReaderLevel(reader); err != nil || level != want {
				t.Errorf("%s: level %d, %v", reader, level, err)
			}
		}
		modes, err := tx.Modes(1)
		if len(modes) != 0 {
			t.Errorf("%d modes are wanted", len(modes))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOnlyModesThatEndedLongAgoAreForgotten(t *testing.T) {
	s := newStore(t)
	var modes []*Mode
	update(t, s, func(tx *Tx) error {
		if err := tx.exec(`INSERT INTO readers (id, created) VALUES ('front', 1)`); err != nil {
			return err
		}
		for i, ended := range []int64{0, 99, 100} {
			m := &Mode{Mode: wire.ModeLocked, Level: "site", Who: "Ada", At: 1}
			modes = append(modes, m)
			if err := tx.AddMode(m); err != nil {
				return err
			}
			if err := tx.AddModeReaders(&ModeReader{Mode: m.ID, Reader: "front", Revision: uint64(i + 1), Asked: 1}); err != nil {
				return err
			}
			if ended != 0 {
				if err := tx.EndMode(m.ID, ended, "Grace"); err != nil {
					return err
				}
			}
		}
		return tx.PruneModes(100)
	})
	update(t, s, func(tx *Tx) error {
		for i, want := range []error{nil, ErrNotFound, nil} {
			if _, err := tx.Mode(modes[i].ID); err != want {
				t.Errorf("mode %d: %v", i, err)
			}
		}
		if m, err := tx.Mode(modes[2].ID); err != nil || m.Ended != 100 || m.EndedBy != "Grace" {
			t.Errorf("%+v, %v", m, err)
		}
		carried, err := tx.ModesCarried("front")
		if len(carried) != 2 {
			t.Errorf("%d are carried", len(carried))
		}
		return err
	})
}
