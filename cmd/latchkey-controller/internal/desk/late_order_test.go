package desk

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAReaderIsNotAskedLongAfterwardsBecauseTheDatabaseHung(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	w := beginning()
	w.t, w.dir = t, filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), w.dir, server.New("site"), "home", "UTC", w.clock())
	w.must(err)
	w.must(s.Close())
	s = w.open()
	defer s.Close()
	reader, user := w.reader(), w.user()
	asks := map[string]func() error{
		"unlock":      func() error { _, err := w.Order(t.Context(), as(Owner), reader, wire.Unlock); return err },
		"unlock door": func() error { _, err := w.UnlockDoor(t.Context(), as(Owner), 1, "", UnlockNote{}); return err },
		"identify":    func() error { _, err := w.Order(t.Context(), as(Owner), reader, wire.Identify); return err },
		"enrol":       func() error { _, err := w.Enrol(t.Context(), as(Owner), user, reader); return err },
		"new card":    func() error { _, err := w.NewCard(t.Context(), as(Owner), user, reader); return err },
	}
	waits := map[string]chan error{}
	thaw := server.Freeze()
	for name, ask := range asks {
		heard := make(chan error, 1)
		waits[name] = heard
		go func() { heard <- ask() }()
	}
	late := time.After(25 * time.Second)
	for name, heard := range waits {
		select {
		case err = <-heard:
		case <-late:
			t.Errorf("%s: nobody hears that the database hangs", name)
			thaw()
			err = <-heard
			late = time.After(0)
		}
		if away := (*UnavailableError)(nil); !errors.As(err, &away) {
			t.Errorf("%s: %v", name, err)
		}
	}
	thaw()
	if len(w.live.orders) != 0 {
		t.Errorf("%+v", w.live.orders)
	}
}

func TestAnOrderHasAMomentAfterWhichNobodyCarriesItOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.reader()
	for _, order := range []wire.Order{wire.Unlock, wire.Identify} {
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel(reader, wire.LevelMaxAge-1) }))
		if _, err := w.Order(t.Context(), as(Owner), reader, order); err != nil || !w.live.orders[0].By.IsZero() {
			t.Errorf("%s: an older reader would be refused: %+v, %v", order, w.live.orders, err)
		}
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel(reader, wire.LevelMaxAge) }))
		before := time.Now()
		_, err := w.Order(t.Context(), as(Owner), reader, order)
		w.must(err)
		if by := w.live.orders[1].By; by.Before(before) || by.After(time.Now().Add(startWithin)) {
			t.Errorf("%s: %v", order, by)
		}
		w.live.orders = nil
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := w.Order(ctx, as(Owner), reader, wire.Unlock); !errors.Is(err, context.Canceled) || len(w.live.orders) != 0 {
		t.Errorf("for somebody who has left: %+v, %v", w.live.orders, err)
	}
}
