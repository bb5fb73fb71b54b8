package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

func readerListCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "reader list", "", "Shows all readers, and how they are if a controller runs on the site.")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	readers, err := d.Readers(ctx, d.actor)
	if err != nil {
		return err
	}
	running := true
	lives, err := control.Readers(ctx, o.dir)
	if errors.Is(err, control.ErrNotRunning) {
		running, err = false, nil
	}
	if err != nil {
		return err
	}
	live := map[string]*control.Reader{}
	for i := range lives {
		live[lives[i].ID] = &lives[i]
	}
	in, err := d.Zone(ctx)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, readerRows(readers, live, in))
	}
	if len(readers) == 0 {
		_, err := fmt.Fprintf(c.out, "no readers yet; add one with: latchkey-controller reader add --dir %s --reader ID --request FILE --out BUNDLE --group GROUP\n", o.dir)
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "READER\tDOOR\tPLACE\tADDED (%s)\tBOARD\tIS\n", in)
	for _, r := range readers {
		is := "no controller runs"
		switch {
		case r.Removed != "":
			is = "was removed: " + string(r.Removed)
		case r.Bundle == 0:
			is = "has no board"
		case running:
			is = describe(live[r.ID], in)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Policy.Door, orDash(r.Policy.Place), when(r.Adopted, in), orDash(r.Board), is)
	}
	return w.Flush()
}

// A readerRow is a reader for programs.
type readerRow struct {
	Reader         string          `json:"reader"`
	Door           string          `json:"door"`
	Place          string          `json:"place"`
	TimeZone       string          `json:"time-zone"`
	PolicyRevision uint64          `json:"policy-revision"`
	Bundle         uint64          `json:"bundle"`  // 0: removed, or its board became another reader
	Adopted        *time.Time      `json:"adopted"` // when the bundle was made
	Request        string          `json:"request-fingerprint"`
	Serial         string          `json:"certificate"`
	Removed        string          `json:"removed,omitempty"` // "returned" or "lost"
	Live           *control.Reader `json:"live"`              // nil: no controller runs
}

func readerRows(readers []*desk.Reader, live map[string]*control.Reader, in *time.Location) []readerRow {
	rows := make([]readerRow, len(readers))
	for i, r := range readers {
		rows[i] = readerRow{Reader: r.ID, Door: r.Policy.Door, Place: r.Policy.Place, TimeZone: r.Policy.TimeZone, PolicyRevision: r.Policy.Revision, Request: r.Board, Removed: string(r.Removed), Live: live[r.ID], Bundle: r.Bundle, Adopted: timeOrNil(r.Adopted, in), Serial: r.Serial}
	}
	return rows
}

// describe says in words how a reader is, in one line whatever the reader says.
func describe(r *control.Reader, in *time.Location) string {
	switch {
	case r == nil || r.Heard == nil:
		return "not heard of yet"
	case !r.Online:
		return "offline since " + when(*r.Heard, in)
	}
	parts := []string{"online"}
	if !r.Current {
		parts = append(parts, "not up to date yet")
	}
	if r.Lockout != "" {
		parts = append(parts, "PIN locked out: "+r.Lockout)
	} else if r.PIN != "" {
		parts = append(parts, "no PIN: "+r.PIN)
	}
	if r.Card != "" {
		parts = append(parts, "no cards: "+r.Card)
	}
	if r.Door != "" && r.Door != string(wire.DoorIsUnknown) {
		parts = append(parts, "door "+r.Door)
	}
	if r.Strike == string(wire.StrikeHeld) {
		parts = append(parts, "held open")
	}
	if r.Tamper {
		parts = append(parts, "housing open")
	}
	if r.Behind {
		parts = append(parts, "credentials behind")
	}
	for _, fault := range r.Faults {
		parts = append(parts, fault[0]+": "+fault[1])
	}
	return desk.Clean(strings.Join(parts, ", "))
}

func readerRemoveCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "reader remove", "READER [--lost]",
		"Revokes a reader's certificate and signatures: it is told nothing more, and nothing it says counts.\nA new epoch begins, which it cannot read. Its door goes on with what the reader holds: take it down.")
	lost := o.Bool("lost", false, "it was stolen, or may be taken apart: all PINs and cards are marked as exposed")
	arguments, err := o.parse(args, 1)
	if err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	how := desk.Returned
	if *lost {
		how = desk.Lost
	}
	epoch, err := d.RemoveReader(ctx, d.actor, arguments[0], how)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]any{"reader": arguments[0], "removed": how, "epoch": epoch})
	}
	fmt.Fprintf(c.out, `%s is removed; epoch %d begins
If the site's broker is a Mosquitto, it lets the reader in until it has the new list of revoked certificates:
latchkey-controller broker-config --dir %s --out DIR, then restart Mosquitto
`, arguments[0], epoch, o.dir)
	if *lost {
		_, err = fmt.Fprintln(c.out, "Give new PINs and cards to those who matter: user list shows whose are exposed.")
	}
	return err
}
