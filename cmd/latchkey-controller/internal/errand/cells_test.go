package errand

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// do changes the database.
func (w *world) do(sql string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(context.Background(), w.address)
	if err == nil {
		_, err = conn.Exec(context.Background(), sql, args...)
		err = errors.Join(err, conn.Close(context.Background()))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// The cells of worlds, beside the home cell.
const north, south = 2, 3

// cells has the site have cells of which nobody has ever led the last one.
func (w *world) cells() {
	w.t.Helper()
	w.do(`INSERT INTO cell (id, name, brokers, revision) VALUES (2, 'north', '', 1), (3, 'south', '', 1)`)
	w.do(`INSERT INTO lead (cell, term, beat, holder) VALUES (2, 0, 0, '')`)
}

// calm waits until a client has heard of all that was committed.
func calm(t *testing.T, c *Client) {
	t.Helper()
	end := time.Now().Add(patience)
	for n := uint64(0); c.commits.Load() == 0 || c.commits.Load() != n; time.Sleep(200 * time.Millisecond) {
		if n = c.commits.Load(); time.Now().After(end) {
			t.Fatalf("%d commits are heard of, and more come", n)
		}
	}
}

func TestReadersAndBrokersAreThoseOfAllCells(t *testing.T) {
	w := newWorld(t)
	w.cells()
	early, late := time.UnixMilli(1_790_000_000_000), time.UnixMilli(1_790_000_009_000)
	home := &fake{brokers: []link.BrokerStatus{{URL: "ssl://a:1", Up: true}}, readers: []link.ReaderStatus{
		{ID: "front", Online: true, Heard: early}, {ID: "gone", Heard: late, Door: "home"}, {ID: "moving", Heard: late}, {ID: "stays", Online: true, Heard: early, Door: "home"}}}
	other := &fake{brokers: []link.BrokerStatus{{URL: "ssl://b:1"}}, readers: []link.ReaderStatus{
		{ID: "attic", Heard: early}, {ID: "gone", Heard: early}, {ID: "moving", Heard: early, Online: true, Door: "north"}, {ID: "stays", Heard: late}}}
	w.leadsIn(north, other)
	heard := w.listens(toLeader(south))
	for name, c := range map[string]*Client{"of who leads": w.standBy(), "of who stands by": w.standBy()} {
		if name == "of who leads" {
			c.Lead(t.Context(), home)
		} else {
			w.leads(home)
		}
		c.limits.keep = patience
		calm(t, c)
		home.asked.Store(0)
		other.asked.Store(0)
		readers, err := c.Readers(t.Context())
		unheard := new(desk.UnheardError)
		if !errors.As(err, &unheard) || !slices.Equal(unheard.Cells, []int64{south}) || !errors.Is(err, errNobodyThere) {
			t.Errorf("%s: %v", name, err)
		}
		got := ""
		for _, r := range readers {
			got += fmt.Sprint(r.ID, " ", r.Online, " ", r.Door, ", ")
		}
		if got != "attic false , front true , gone false home, moving true north, stays true home, " {
			t.Errorf("%s: %s", name, got)
		}
		brokers, err := c.Brokers(t.Context())
		if !errors.As(err, &unheard) || len(brokers) != 2 || brokers[0].Cell != store.HomeCell || brokers[0].URL != "ssl://a:1" || brokers[1].Cell != north || brokers[1].URL != "ssl://b:1" {
			t.Errorf("%s: %+v, %v", name, brokers, err)
		}
		if home.asked.Load() != 1 || other.asked.Load() != 1 {
			t.Errorf("%s: asked %d and %d times", name, home.asked.Load(), other.asked.Load())
		}
		if len(heard.heard) > 0 {
			t.Errorf("%s: a cell is asked that nobody has ever led", name)
		}
	}
}

func TestACellThatNobodyLeadsIsAskedAgainOnceSomebodyDoes(t *testing.T) {
	w := newWorld(t)
	w.cells()
	w.do(`INSERT INTO lead (cell, term, beat, holder) VALUES (3, 7, 5, 'gone')`)
	w.leadsIn(north, &fake{})
	c, heard := w.standBy(), w.listens(toLeader(south))
	c.Lead(t.Context(), &fake{})
	c.limits.answer = 5 * time.Second // it is waited for
	for range 3 {
		if _, err := c.Readers(t.Context()); !errors.As(err, new(*desk.UnheardError)) {
			t.Fatal(err)
		}
		time.Sleep(c.limits.keep)
	}
	if n := len(heard.heard); n != 1 {
		t.Errorf("asked %d times", n)
	}
	w.do(`UPDATE lead SET beat = 6 WHERE cell = 3`)
	f := &fake{readers: manyReaders(2)}
	f.term.Store(7)
	f.beats.Store(6)
	go Serve(t.Context(), w.site(w.address), south, f, f.beat, slog.New(slog.DiscardHandler))
	for end := time.Now().Add(patience); ; time.Sleep(c.limits.keep) {
		w.do(`UPDATE lead SET beat = beat + 1 WHERE cell = 3`)
		if all, err := c.Readers(t.Context()); err == nil && len(all) == 2 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%v, %v", all, err)
		}
	}
}

func TestOrdersGoToTheLeaderOfTheReadersCell(t *testing.T) {
	w := newWorld(t)
	w.cells()
	home, other := &fake{}, &fake{readers: []link.ReaderStatus{{ID: "moving"}, {ID: "moved", Online: true}}}
	w.leadsIn(north, other)
	w.do(`INSERT INTO readers (id, created, cell, from_cell) VALUES ('front', 1, 1, 0), ('attic', 1, 2, 0), ('moving', 1, 2, 1), ('moved', 1, 2, 1), ('back', 1, 1, 2), ('shed', 1, 3, 0)`)
	c, standBy := w.standBy(), w.standBy()
	c.Lead(t.Context(), home)
	w.leads(home)
	for reader, at := range map[string]*fake{"front": home, "attic": other, "moving": home, "moved": other, "back": other, "none": home} {
		for _, c := range []*Client{c, standBy} {
			home.orders.Store(0)
			other.orders.Store(0)
			if r, err := c.Order(t.Context(), unlockAt(reader), nil); err != nil || !r.Done {
				t.Errorf("%s: %+v, %v", reader, r, err)
			}
			if at.orders.Load() != 1 || home.orders.Load()+other.orders.Load() != 1 {
				t.Errorf("%s: %d orders at home, %d in the north", reader, home.orders.Load(), other.orders.Load())
			}
		}
	}
	if _, err := c.Order(t.Context(), unlockAt("shed"), nil); err != error(errNobodyThere) {
		t.Errorf("nobody has ever led its cell: %v", err)
	}
	// It is moved while the order is on its way.
	home.order = func(context.Context, store.Order, func([]byte) (string, bool)) (link.OrderResult, error) {
		w.do(`UPDATE readers SET cell = 2 WHERE id = 'front'`)
		return link.OrderResult{Unsent: true, Text: language.Data("there is no such reader")}, nil
	}
	if r, err := c.Order(t.Context(), unlockAt("front"), nil); err != nil || !r.Done {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.Order(t.Context(), unlockAt("none"), nil); err != nil || !r.Unsent {
		t.Errorf("%+v, %v", r, err)
	}
}

// Of a reader that is being moved only its new cell says whether it is there.
func TestACellThatDoesNotAnswerDelaysNoOrdersToReadersOfOthers(t *testing.T) {
	w := newWorld(t)
	w.cells()
	w.do(`INSERT INTO lead (cell, term, beat, holder) VALUES (3, 7, 5, 'south')`)
	w.do(`INSERT INTO readers (id, created, cell, from_cell) VALUES ('moving', 1, 2, 1), ('moved', 1, 2, 1), ('back', 1, 1, 2)`)
	home, other := &fake{readers: []link.ReaderStatus{{ID: "back", Online: true}}}, &fake{readers: []link.ReaderStatus{{ID: "moving"}, {ID: "moved", Online: true}}}
	w.leadsIn(north, other)
	heard := w.listens(toLeader(south))
	c, standBy := w.standBy(), w.standBy()
	c.Lead(t.Context(), home)
	w.leads(home)
	for name, c := range map[string]*Client{"of who leads": c, "of who stands by": standBy} {
		for _, busy := range []bool{false, true} {
			if busy { // somebody waits for the cells that do not answer
				c.asking <- struct{}{}
			}
			for reader, at := range map[string]*fake{"moving": home, "moved": other, "back": home} {
				home.orders.Store(0)
				other.orders.Store(0)
				ctx, cancel := context.WithTimeout(t.Context(), patience/2)
				if r, err := c.Order(ctx, unlockAt(reader), nil); err != nil || !r.Done || at.orders.Load() != 1 || home.orders.Load()+other.orders.Load() != 1 {
					t.Fatalf("%s: %s, busy %t: %+v, %v; %d orders at home, %d in the north", name, reader, busy, r, err, home.orders.Load(), other.orders.Load())
				}
				cancel()
			}
		}
	}
	if n := len(heard.heard); n > 0 {
		t.Errorf("the other cell was asked %d times", n)
	}
}

func unlockAt(reader string) store.Order {
	o := unlock
	o.Reader = reader
	return o
}
