package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
)

const whatCellsAre = `A cell is up to four brokers, and the controllers that serve up to about 10,000 of the site's readers there.
Each site has one, the home cell; more need PostgreSQL. POSTGRESQL.md says when a site wants several.`

// A cellRow is a cell, in JSON.
type cellRow struct {
	Cell        string          `json:"cell"`
	Home        bool            `json:"home"`
	State       desk.CellState  `json:"state,omitempty"` // none: not known
	Brokers     []string        `json:"brokers"`
	Controllers []controllerRow `json:"controllers"`
	Readers     int             `json:"readers"` // with those that come from another cell
	Coming      int             `json:"coming"`  // of these
	Leaving     int             `json:"leaving"` // of other cells, that are being moved from this one
	Online      *int            `json:"online"`  // null: not known
	Behind      *int            `json:"behind"`  // of those that are online: without the newest credentials or policy; null: not known
	BehindSince *time.Time      `json:"behind-since,omitempty"`

	ReaderRows []cellReaderRow `json:"reader-list,omitempty"` // those that the cell serves
}

func newCellRow(s *desk.CellStatus, running bool) cellRow {
	row := cellRow{Cell: s.Name, Home: s.Home, Brokers: append([]string{}, s.Brokers...), Controllers: []controllerRow{}, Readers: s.Readers, Coming: s.Coming, Leaving: s.Leaving}
	for _, c := range s.Controllers {
		row.Controllers = append(row.Controllers, newControllerRow(c))
	}
	if running || s.State() != desk.CellSilent {
		row.State = s.State()
	}
	if !s.Unheard {
		row.Online, row.Behind = &s.Online, &s.Behind
		if !s.BehindSince.IsZero() {
			row.BehindSince = &s.BehindSince
		}
	}
	return row
}

// cells returns the cells of the site, and which controller runs, if none does in the directory; "": one does.
func (c *invocation) cells(ctx context.Context) (cells *desk.Cells, nobody string, err error) {
	cells, err = c.running(sessionUser()).Cells(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		nobody = notRunning(err)
		cells, err = c.desk.Cells(ctx, c.actor)
	}
	return cells, nobody, err
}

// cell returns the cell with a name.
func (c *invocation) cell(ctx context.Context, name string) (*desk.CellStatus, error) {
	cells, _, err := c.cells(ctx)
	if err != nil {
		return nil, err
	}
	return cells.Named(name)
}

func cellList(c *invocation) action {
	c.details = whatCellsAre
	return func(ctx context.Context, _ []string) error {
		cells, nobody, err := c.cells(ctx)
		if err != nil {
			return err
		}
		rows, lines := []cellRow{}, []string{}
		for i := range cells.All {
			row := newCellRow(&cells.All[i], nobody == "")
			rows = append(rows, row)
			lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%s\t%s\t%d\t%d\t%s\t%s", row.Cell, orDash(string(row.State)), row.Readers, numberOrDash(row.Online), numberOrDash(row.Behind), row.Coming, row.Leaving,
				cellLed(row.Controllers), orDash(strings.Join(row.Brokers, ", "))))
		}
		if err := c.printTable(rows, "", "CELL\tSTATE\tREADERS\tONLINE\tBEHIND\tCOMING\tLEAVING\tIS LED BY\tBROKERS\n", lines); err != nil || c.json || nobody == "" {
			return err
		}
		_, err = fmt.Fprintln(c.out, nobody)
		return err
	}
}

func numberOrDash(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// cellLed says who leads a cell, in a few words.
func cellLed(all []controllerRow) string {
	if len(all) == 0 {
		return "-"
	}
	if !all[0].Leads {
		return fmt.Sprintf("nobody now, of %s", counted(len(all), "controller"))
	}
	led := all[0].Machine
	if all[0].Address != "" {
		led += " (" + all[0].Address + ")"
	}
	switch n := len(all) - 1; n {
	case 0:
		return led + ", none stands by"
	case 1:
		return led + ", 1 stands by"
	default:
		return fmt.Sprintf("%s, %d stand by", led, n)
	}
}

// A cellReaderRow is a reader of a cell, in JSON.
type cellReaderRow struct {
	Reader string `json:"reader"`
	Door   string `json:"door"`
	Cell   string `json:"cell"`
	From   string `json:"from,omitempty"` // the cell that it is being moved from
	Online *bool  `json:"online"`         // null: not known
	Behind *bool  `json:"behind"`
	TooOld bool   `json:"too-old,omitempty"` // to be moved
}

func cellShow(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		cells, nobody, err := c.cells(ctx)
		if err != nil {
			return err
		}
		shown, err := c.cell(ctx, args[0])
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		readers, err := c.running(sessionUser()).CellReaders(ctx, shown.ID)
		if errors.Is(err, control.ErrNotRunning) {
			readers, err = c.desk.CellReaders(ctx, c.actor, shown.ID)
		}
		if err != nil {
			return err
		}
		row := newCellRow(shown, nobody == "")
		lines := []string{"cell\t" + row.Cell, "state\t" + orDash(string(row.State))}
		for i, b := range row.Brokers {
			lines = append(lines, fmt.Sprintf("broker %d\t%s", i+1, b))
		}
		for _, b := range shown.Away() {
			lines = append(lines, fmt.Sprintf("out of reach\t%s: %s", b.URL, b.Why))
		}
		for _, k := range row.Controllers {
			is := "stands by"
			if k.Leads {
				is = "leads"
			}
			if k.Since != nil {
				is += " since " + shortTime(*k.Since, in)
			}
			lines = append(lines, fmt.Sprintf("%s\t%s", strings.TrimPrefix(where(k), "the "), is))
		}
		if row.BehindSince != nil {
			lines = append(lines, fmt.Sprintf("behind\t%s, the first since %s", counted(*row.Behind, "reader"), shortTime(*row.BehindSince, in)))
		}
		for i := range readers {
			r := newCellReaderRow(cells, &readers[i])
			row.ReaderRows = append(row.ReaderRows, r)
			lines = append(lines, fmt.Sprintf("reader %s\t%s", r.Reader, r.text(row.Cell)))
		}
		if c.json {
			return printJSON(c.out, row)
		}
		if err := c.printTable(nil, "", "", lines); err != nil || nobody == "" {
			return err
		}
		_, err = fmt.Fprintln(c.out, nobody)
		return err
	}
}

func newCellReaderRow(cells *desk.Cells, r *desk.CellReader) cellReaderRow {
	row := cellReaderRow{Reader: r.Reader, Door: r.Door, TooOld: r.TooOld}
	if cell := cells.Cell(r.Cell); cell != nil {
		row.Cell = cell.Name
		if !cell.Unheard {
			row.Online, row.Behind = &r.Online, &r.Behind
		}
	}
	if from := cells.Cell(r.From); from != nil {
		row.From = from.Name
	}
	return row
}

// text says how a reader is, for who looks at a cell.
func (r *cellReaderRow) text(cell string) string {
	parts := []string{"at " + r.Door}
	switch {
	case r.Online == nil:
	case !*r.Online:
		parts = append(parts, "offline")
	case *r.Behind:
		parts = append(parts, "online, not up to date yet")
	default:
		parts = append(parts, "online")
	}
	switch {
	case r.From == cell:
		parts = append(parts, "being moved to "+r.Cell)
	case r.From != "":
		parts = append(parts, "being moved from "+r.From)
	}
	if r.TooOld {
		parts = append(parts, "too old to be moved: update it")
	}
	return strings.Join(parts, ", ")
}
