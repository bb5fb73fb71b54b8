package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// settleWithin is how long it may take until all readers that were moved have come over: one that is connected looks after
// one to two minutes whether it is heard at its new brokers, and is of its new cell only when it has been there for a minute
// and tells something then, which it does every 30 s.
const settleWithin = 5 * time.Minute

// cellsOf returns the names of the cells of all readers.
func cellsOf(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	cells := map[string]string{}
	rows, err := conn.Query(ctx, `SELECT r.id, c.name FROM readers r JOIN cell c ON c.id = r.cell`)
	if err != nil {
		return nil, err
	}
	var reader, cell string
	_, err = pgx.ForEachRow(rows, []any{&reader, &cell}, func() error {
		cells[reader] = cell
		return nil
	})
	return cells, err
}

// moving returns the readers that are on the way from one cell to another, as the database has it.
func moving(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT id FROM readers WHERE from_cell <> 0 ORDER BY id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// calm waits until all parts run and nobody is on the way to another cell any more.
func (r *run) calm(ctx context.Context) error {
	r.l.moving.Lock()
	defer r.l.moving.Unlock()
	if err := r.allBack(ctx); err != nil {
		return err
	}
	conn, err := r.c.connect(ctx, "home")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return r.settled(ctx, conn)
}

// settled waits until nobody is on the way to another cell any more.
func (r *run) settled(ctx context.Context, conn *pgx.Conn) error {
	began := time.Now()
	before, err := moving(ctx, conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, settleWithin, fmt.Errorf("not after %v", settleWithin))
	defer cancel()
	now := before
	err = await(ctx, "no reader is being moved to another cell", func() bool {
		now, err = moving(ctx, conn)
		return err == nil && len(now) == 0
	})
	r.counts.Settled += len(before) - len(now)
	if err != nil {
		return fmt.Errorf("%v: %w", now, err)
	}
	r.say("%d readers have moved, the last after %v", len(before), time.Since(began).Round(time.Second))
	return nil
}

// cells looks whether each reader is of the cell that it was moved to, and at a broker of it.
func (r *run) cells(ctx context.Context, k *check) error {
	if len(r.c.Cells) == 1 {
		return nil
	}
	r.counts.Moves, r.counts.NotMoved = r.l.moves, r.l.notMoved
	if r.l.moves == 0 {
		k.note("no reader was moved")
	}
	cells, err := cellsOf(ctx, k.conn)
	if err != nil {
		return err
	}
	for reader, cell := range cells {
		if may := r.l.cells[reader]; !slices.Contains(may, cell) {
			k.note("%s is of the cell %s, not of %v", reader, cell, may)
		}
	}
	if r.Settle {
		if err := r.settled(ctx, k.conn); err != nil {
			k.note("%v", err)
		}
	}
	within, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("not after %v", backWithin))
	defer cancel()
	var astray []string
	err = await(within, "each reader is at a broker of its cell", func() bool {
		astray = nil
		at := r.f.At()
		for reader, cell := range cells {
			is := slices.IndexFunc(r.c.Cells, func(c *Cell) bool { return c.Name == cell })
			if is < 0 || !slices.Contains(r.c.Cells[is].addresses, at[reader]) {
				astray = append(astray, fmt.Sprintf("%s of %s is at %q", reader, cell, at[reader]))
			}
		}
		return len(astray) == 0
	})
	if err != nil {
		slices.Sort(astray)
		k.note("%v: %v", err, astray)
	}
	for _, at := range r.c.controllers() {
		says := ""
		err := await(within, at.Name+" says that all readers of all cells are online", func() bool {
			says = r.list(within, at)
			return says == ""
		})
		if err != nil {
			k.note("%v: %s", err, says)
		}
	}
	return nil
}

// list returns what a controller says of cells whose readers are not all online; "": there are none.
func (r *run) list(ctx context.Context, at *Controller) string {
	out, err := r.c.RunIn(ctx, at.Dir, "cell", "list", "--json")
	var cells []struct {
		Readers int
		Online  *int
	}
	if err == nil {
		err = json.Unmarshal(out, &cells)
	}
	if err != nil {
		return err.Error()
	}
	readers := 0
	for _, cell := range cells {
		if readers += cell.Readers; cell.Online == nil || *cell.Online != cell.Readers {
			return string(out)
		}
	}
	if readers != len(r.f.IDs()) {
		return string(out)
	}
	return ""
}
