package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func readerList(c *invocation) action {
	return func(ctx context.Context, _ []string) error {
		readers, err := c.running(sessionUser()).Readers(ctx)
		running, nobody := !errors.Is(err, control.ErrNotRunning), notRunning(err)
		if !running {
			readers, err = c.desk.Readers(ctx, c.actor)
		}
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		rows, lines := []readerRow{}, []string{}
		several := inSeveralCells(readers)
		heading := ""
		if several {
			heading = "CELL\t"
		}
		for _, r := range readers {
			rows = append(rows, newReaderRow(r, running, in))
			is := nobody
			switch {
			case r.Removed != "":
				is = "was removed: " + string(r.Removed)
			case r.Bundle == 0:
				is = "has no board"
			case running:
				is = describe(&r.Live, in)
			}
			if r.CutOff {
				is += "; its program is too old for a PIN that somebody has: it gets no credentials until it is updated"
			}
			if why := r.NobodyOpens(); why != nil {
				is += "; demands card and PIN: " + why.String()
			}
			if r.Budget != nil {
				is += "; TPM: " + r.Budget.String()
				if text := r.Budget.Need.Text(); text != nil {
					is += ". " + text.String()
				}
			}
			cell := ""
			if several {
				cell = orDash(r.Cell) + "\t"
			}
			if r.From != "" {
				is += "; being moved from the cell " + r.From
			}
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s%s\t%s\t%s", r.ID, r.Policy.Door, orDash(r.Policy.Place), cell, shortTime(r.Adopted, in), orDash(r.Board), is))
		}
		err = c.printTable(rows, "no readers yet; add one with: latchkey-controller reader add --dir "+c.dir+" --reader ID --request FILE --out BUNDLE --group GROUP",
			fmt.Sprintf("READER\tDOOR\tPLACE\t%sADDED (%s)\tBOARD\tIS\n", heading, in), lines)
		if err != nil || c.json || len(lines) == 0 {
			return err
		}
		theft, err := c.desk.Theft(ctx, c.actor)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "\n%s\n", theft)
		return err
	}
}

// inSeveralCells says whether readers are of different cells.
func inSeveralCells(readers []*desk.Reader) bool {
	var names []string
	for _, r := range readers {
		names = append(names, r.Cell, r.From)
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
	return len(names) > 1
}

// describe says in words how a reader is, in one line whatever the reader says.
func describe(l *desk.ReaderStatus, in *time.Location) string {
	switch {
	case l.Unled:
		return "not known now: no controller that leads its cell answers"
	case !l.Known:
		return "not heard of yet"
	case !l.Online:
		return "offline since " + shortTime(l.Heard, in)
	}
	parts := []string{"online"}
	add := func(is bool, text string) {
		if is {
			parts = append(parts, text)
		}
	}
	add(!l.Current, "not up to date yet")
	add(l.Lockout != "", "PIN locked out: "+l.LockoutText().String())
	add(l.Lockout == "" && l.PIN != "", "no PIN: "+string(l.PIN))
	add(l.Card != "", "no cards: "+string(l.Card))
	add(l.Door != "" && l.Door != wire.DoorIsUnknown, "door "+string(l.Door))
	add(l.Mode == nil && l.Strike == wire.StrikeHeld, "held open")
	if l.Mode != nil && (l.Mode.Mode != wire.ModeNormal || l.Mode.Waits) {
		add(true, modeText(l.Mode, in))
	}
	add(l.Tamper, "housing open")
	add(l.Behind, "credentials behind")
	for _, fault := range l.Faults {
		add(true, string(fault.Subject)+": "+fault.Text)
	}
	return desk.Clean(strings.Join(parts, ", "))
}

// modeText says in words in which mode a door works.
func modeText(m *wire.ModeState, in *time.Location) string {
	if m.Waits {
		return "waits for its first person"
	}
	text := "mode " + string(m.Mode)
	switch m.Cause {
	case wire.CauseSchedule:
		text += " by its schedule"
	case wire.CauseFire:
		text += ": fire"
	}
	if m.By != "" {
		text += " for " + m.By
	}
	if m.Until != 0 {
		text += " until " + shortTime(time.Unix(m.Until, 0), in)
	}
	return text
}

// A readerRow is a reader as JSON.
type readerRow struct {
	Reader         string     `json:"reader"`
	Door           string     `json:"door"`
	Place          string     `json:"place"`
	Cell           string     `json:"cell,omitempty"`      // none: it has no board
	From           string     `json:"from-cell,omitempty"` // that it is being moved from
	TimeZone       string     `json:"time-zone"`
	PolicyRevision uint64     `json:"policy-revision"`
	Bundle         uint64     `json:"bundle"`  // 0: it was removed, or its board became another reader
	Adopted        *time.Time `json:"adopted"` // when the bundle was made
	Request        string     `json:"request-fingerprint"`
	Serial         string     `json:"certificate"`
	Removed        string     `json:"removed,omitempty"`       // "returned" or "lost"
	PINKey         string     `json:"pin-key,omitempty"`       // "tpm", "file" or "none"
	OldKey         bool       `json:"old-pin-key,omitempty"`   // it had it in a file, and has not said yet that it is gone
	TPM            *tpmRow    `json:"tpm,omitempty"`           // nil: it has none
	OldModes       bool       `json:"no-modes,omitempty"`      // its program is too old for modes
	OldProofs      bool       `json:"no-two-proofs,omitempty"` // its program is too old for card and PIN, and PINs for duress or with limits
	CutOff         bool       `json:"cut-off,omitempty"`       // somebody has such a PIN: it gets no credentials
	Live           *liveRow   `json:"live"`                    // nil: no controller runs, or it has no board
}

// A tpmRow is the budget of a reader's TPM as JSON.
type tpmRow struct {
	Left   uint32    `json:"guesses-left"` // at most
	Limit  uint32    `json:"limit"`
	Spent  uint32    `json:"spent"` // as the reader says
	PerDay float64   `json:"pins-a-day"`
	Odds   float64   `json:"odds-if-stolen"` // of finding somebody's PIN
	Need   desk.Need `json:"needs,omitempty"`
}

// A liveRow is what a reader last said of itself, as JSON.
type liveRow struct {
	Reader   string           `json:"reader"`
	Online   bool             `json:"online"`
	Heard    *time.Time       `json:"heard"`   // nil: never
	Current  bool             `json:"current"` // holds the newest credentials and policy
	Version  string           `json:"version,omitempty"`
	Epoch    uint64           `json:"epoch,omitempty"`
	Revision uint64           `json:"revision,omitempty"`
	Policy   uint64           `json:"policy-revision,omitempty"`
	Waiting  uint64           `json:"records-held,omitempty"` // that have not come yet
	Lockout  string           `json:"lockout,omitempty"`
	PIN      wire.Reason      `json:"no-pin,omitempty"`
	Card     wire.Reason      `json:"no-card,omitempty"`
	Door     wire.DoorState   `json:"door-is,omitempty"`
	Strike   wire.StrikeState `json:"strike,omitempty"`
	Tamper   bool             `json:"tamper,omitempty"`
	Clock    bool             `json:"clock-trusted"`
	Behind   bool             `json:"behind,omitempty"`
	Faults   [][2]string      `json:"faults,omitempty"` // what, and what is wrong with it

	Mode      wire.Mode      `json:"mode,omitempty"` // in force; none: the reader knows no modes
	ModeCause wire.ModeCause `json:"mode-cause,omitempty"`
	ModeUntil *time.Time     `json:"mode-until,omitempty"`
	ModeBy    string         `json:"mode-by,omitempty"`
	Waits     bool           `json:"waits-for-first-person,omitempty"`
}

// newReaderRow returns a reader as JSON.
func newReaderRow(r *desk.Reader, running bool, in *time.Location) readerRow {
	row := readerRow{
		Reader: r.ID, Door: r.Policy.Door, Place: r.Policy.Place, Cell: r.Cell, From: r.From, TimeZone: r.Policy.TimeZone, PolicyRevision: r.Policy.Revision,
		Bundle: r.Bundle, Adopted: timeOrNil(r.Adopted, in), Request: r.Board, Serial: r.Serial, Removed: string(r.Removed),
	}
	row.PINKey, row.OldKey, row.OldModes = string(r.Key), r.OldKey, r.OldModes()
	row.OldProofs, row.CutOff = r.OldProofs(), r.CutOff
	if b := r.Budget; b != nil {
		row.TPM = &tpmRow{b.Left, b.Limit, b.Spent, b.PerDay, b.Odds, b.Need}
	}
	if !running || r.Bundle == 0 {
		return row
	}
	l := r.Live
	row.Live = &liveRow{
		Reader: r.ID, Online: l.Online, Current: l.Current, Version: l.Version, Epoch: l.Epoch, Revision: l.Revision, Policy: l.Policy,
		Waiting: l.Waiting, Lockout: string(l.Lockout), PIN: l.PIN, Card: l.Card, Door: l.Door, Strike: l.Strike, Tamper: l.Tamper, Clock: l.ClockTrusted, Behind: l.Behind,
	}
	if l.Known {
		row.Live.Heard = timeOrNil(l.Heard, in)
	}
	if m := l.Mode; m != nil {
		row.Live.Mode, row.Live.ModeCause, row.Live.ModeBy, row.Live.Waits = m.Mode, m.Cause, m.By, m.Waits
		if m.Until != 0 {
			row.Live.ModeUntil = timeOrNil(time.Unix(m.Until, 0), in)
		}
	}
	for _, fault := range l.Faults {
		row.Live.Faults = append(row.Live.Faults, [2]string{string(fault.Subject), fault.Text})
	}
	return row
}
