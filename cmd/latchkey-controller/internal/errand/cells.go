package errand

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// askedAtOnce bounds how many cells are asked for their status side by side: each needs one of the 16 connections to the
// database that this process has, though only for moments; then it waits for the answer.
const askedAtOnce = 16

// A reply is what is known of the readers and brokers of a cell.
type reply struct {
	cell    int64
	readers []link.ReaderStatus
	brokers []link.BrokerStatus
	err     error // they are not known

	at     time.Time  // when it came; zero: it is not good any more
	of     uint64     // commits when it was asked for
	silent store.Beat // nobody has answered since this beat of the lead; zero: somebody has
}

// fresh says whether a reply is good after so many commits.
func (c *Client) fresh(r *reply, commits uint64) bool {
	return !r.at.IsZero() && time.Since(r.at) < c.limits.keep && (commits == r.of || r.err != nil)
}

// Readers implements desk.Live.
func (c *Client) Readers(ctx context.Context) ([]link.ReaderStatus, error) {
	all, err := c.readers(ctx)
	if err != nil {
		return nil, err
	}
	known, err := heard(all)
	if len(known) == 1 {
		return slices.Clone(known[0].readers), err
	}
	return union(known), err
}

// readers returns what is known of the readers of each cell.
func (c *Client) readers(ctx context.Context) ([]reply, error) {
	if l, within, end := c.led(ctx); l != nil {
		defer end()
		all, err := l.link.Readers(within)
		if !l.lost(ctx, err) {
			return c.replies(ctx, &reply{cell: c.cell, readers: all}, err)
		}
	}
	return c.replies(ctx, nil, nil)
}

// union returns the readers of cells by id. Of one that is being moved, which two cells serve, it is that of the cell where
// it is online, or else of the one that has heard of it last.
func union(cells []reply) []link.ReaderStatus {
	byID := map[string]link.ReaderStatus{}
	for _, cell := range cells {
		for _, r := range cell.readers {
			other, twice := byID[r.ID]
			if !twice || r.Online && !other.Online || r.Online == other.Online && r.Heard.After(other.Heard) {
				byID[r.ID] = r
			}
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b link.ReaderStatus) int { return cmp.Compare(a.ID, b.ID) })
}

// Brokers implements desk.Live.
func (c *Client) Brokers(ctx context.Context) (brokers []link.BrokerStatus, err error) {
	all, err := c.brokers(ctx)
	if err != nil {
		return nil, err
	}
	all, err = heard(all)
	for _, cell := range all {
		for _, b := range cell.brokers {
			b.Cell = cell.cell
			brokers = append(brokers, b)
		}
	}
	return brokers, err
}

func (c *Client) brokers(ctx context.Context) ([]reply, error) {
	if l, within, end := c.led(ctx); l != nil {
		defer end()
		all, err := l.link.Brokers(within)
		if !l.lost(ctx, err) {
			return c.replies(ctx, &reply{cell: c.cell, brokers: all}, err)
		}
	}
	return c.replies(ctx, nil, nil)
}

// heard returns those that are known, and a desk.UnheardError if others are not; if none is known, why.
func heard(all []reply) (known []reply, err error) {
	var unheard desk.UnheardError
	for _, r := range all {
		if r.err == nil {
			known = append(known, r)
			continue
		}
		unheard.Cells = append(unheard.Cells, r.cell)
		if unheard.Why == nil {
			unheard.Why = r.err
		}
	}
	switch {
	case unheard.Why == nil:
		return known, nil
	case len(known) == 0:
		return nil, unheard.Why
	}
	return known, &unheard
}

// replies returns what is known of each cell, asked for at most limits.keep ago, that of this process first. One caller
// asks for all that wait. own is what this process knows of its cell itself, or err why it does not; nil: it does not
// lead.
func (c *Client) replies(ctx context.Context, own *reply, err error) ([]reply, error) {
	if err != nil {
		return nil, err
	}
	select {
	case c.asking <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.asking }()
	c.lookForCells(ctx)
	commits := c.commits.Load()
	all := make([]reply, len(c.cells))
	var due errgroup.Group
	due.SetLimit(askedAtOnce)
	for i, cell := range c.cells {
		if all[i] = c.known[cell]; own != nil && cell == c.cell {
			all[i] = *own
		} else if !c.fresh(&all[i], commits) {
			due.Go(func() error {
				all[i] = c.askStatus(ctx, cell, all[i].silent)
				all[i].at, all[i].of = time.Now(), commits
				return nil
			})
		}
	}
	due.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, r := range all {
		if own == nil || r.cell != c.cell {
			c.known[r.cell] = r
		}
	}
	return all, nil
}

// lookForCells reads which cells there are, that of this process first. While that is not known, they are those that there
// were.
func (c *Client) lookForCells(ctx context.Context) {
	if c.cells == nil {
		c.cells = []int64{c.cell}
	}
	commits := c.commits.Load()
	if !c.site.Shared() || commits == c.cellsOf && time.Since(c.cellsAt) < c.limits.keep {
		return
	}
	var all []store.Cell
	if err := c.site.View(ctx, func(tx *store.Tx) (err error) { all, err = tx.Cells(); return err }); err != nil {
		return
	}
	c.cells = c.cells[:1]
	for _, cell := range all {
		if cell.ID != c.cell {
			c.cells = append(c.cells, cell.ID)
		}
	}
	c.cellsAt, c.cellsOf = time.Now(), commits
	c.several.Store(len(c.cells) > 1)
	maps.DeleteFunc(c.known, func(cell int64, _ reply) bool { return !slices.Contains(c.cells, cell) })
}

// askStatus asks the controller that leads a cell.
func (c *Client) askStatus(ctx context.Context, cell int64, silent store.Beat) reply {
	t, m, err := c.begin(ctx, cell, askStatus, maxStatus, silent)
	if err != nil {
		s := reply{cell: cell, err: err}
		if t != nil && cell != c.cell && errors.Is(err, c.nobody(cell)) {
			s.silent = t.beat
		}
		return s
	}
	defer c.end(t)
	s := reply{cell: cell}
	switch m.Kind {
	case status:
		s.readers, s.brokers, s.err = unpack(m.Status)
	case result:
		_, s.err = m.Result.result(wire.CommandID{})
	}
	if s.err == nil && m.Kind != status {
		s.err = c.nobody(cell)
	}
	return s
}

// nobody says that nobody leads a cell, as people with one cell, which know none, are told it.
func (c *Client) nobody(cell int64) error {
	if cell == c.cell && !c.several.Load() {
		return errNobody
	}
	return errNobodyThere
}

// forget has the next status asked for.
func (c *Client) forget() {
	c.ifNobodyAsks(func() { // otherwise one is on its way
		for cell, r := range c.known {
			r.at = time.Time{}
			c.known[cell] = r
		}
	})
}

// ifNobodyAsks does something with what is known, unless statuses are asked for, which may take seconds.
func (c *Client) ifNobodyAsks(do func()) {
	select {
	case c.asking <- struct{}{}:
		do()
		<-c.asking
	default:
	}
}

// inCell has an order carried out by the controller that leads the cell of a reader, and, if that did not send it and the
// reader has moved meanwhile, by the one where it is now.
func (c *Client) inCell(ctx context.Context, reader string, order func(cell int64) (link.OrderResult, error)) (link.OrderResult, error) {
	cell, err := c.cellOf(ctx, reader)
	if err != nil {
		return link.OrderResult{}, err
	}
	r, err := order(cell)
	if err != nil || !r.Unsent {
		return r, err
	}
	if now, err := c.cellOf(ctx, reader); err == nil && now != cell {
		return order(now)
	}
	return r, nil
}

// cellOf returns the cell to whose leader an order to a reader goes: of one that is being moved, that from which it is,
// until it is online in the other one.
func (c *Client) cellOf(ctx context.Context, reader string) (int64, error) {
	if !c.site.Shared() {
		return c.cell, nil
	}
	var of store.ReaderCell
	err := c.site.View(ctx, func(tx *store.Tx) (err error) { of, err = tx.CellOf(reader); return err })
	switch {
	case errors.Is(err, store.ErrNotFound):
		return c.cell, nil // the link says so
	case err != nil || of.From == 0:
		return of.Cell, err
	}
	there, err := c.readersOf(ctx, of.Cell)
	if err != nil {
		return 0, err
	}
	if slices.ContainsFunc(there, func(r link.ReaderStatus) bool { return r.ID == reader && r.Online }) {
		return of.Cell, nil
	}
	return of.From, nil
}

// readersOf returns the readers of one cell, none if nobody there says. It waits for no other cell, nor for who does.
func (c *Client) readersOf(ctx context.Context, cell int64) ([]link.ReaderStatus, error) {
	if l, within, end := c.led(ctx); l != nil && cell == c.cell {
		defer end()
		all, err := l.link.Readers(within)
		if !l.lost(ctx, err) {
			return all, err
		}
	}
	commits := c.commits.Load()
	var r reply
	c.ifNobodyAsks(func() { r = c.known[cell] })
	if c.fresh(&r, commits) {
		return r.readers, nil
	}
	r = c.askStatus(ctx, cell, r.silent)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.at, r.of = time.Now(), commits
	c.ifNobodyAsks(func() { c.known[cell] = r })
	return r.readers, nil
}
