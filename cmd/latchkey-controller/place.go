package main

import (
	"context"
	"fmt"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func placeListCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "place list", "", "Shows locations, their hubs, the hubs' doors, and the readers that serve them. The number before each\nis its id.")
	if _, err := o.parse(args, 0); err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	locations, err := d.Places(ctx, d.actor)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, placeRows(locations))
	}
	if len(locations) == 0 {
		_, err := fmt.Fprintf(c.out, "no places yet; add one with: latchkey-controller place add --dir %s location NAME\n", o.dir)
		return err
	}
	for _, l := range locations {
		fmt.Fprintf(c.out, "location %d  %s\n", l.ID, l.Name)
		for _, h := range l.Hubs {
			fmt.Fprintf(c.out, "  hub %d  %s\n", h.ID, h.Name)
			for _, door := range h.Doors {
				fmt.Fprintf(c.out, "    door %d  %s\n", door.ID, door.Name)
				for _, r := range door.Readers {
					pin := "PIN on"
					if !r.PIN() {
						pin = "PIN off"
					}
					if _, err := fmt.Fprintf(c.out, "      reader %s  %s\n", r.ID, pin); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// A placeRow is a place for programs.
type placeRow struct {
	ID      int64      `json:"id"`
	Name    string     `json:"name"`
	Hubs    []placeRow `json:"hubs,omitempty"`
	Doors   []placeRow `json:"doors,omitempty"`
	Readers []string   `json:"readers,omitempty"`
}

func placeRows(locations []*desk.Location) []placeRow {
	rows := make([]placeRow, len(locations))
	for i, l := range locations {
		rows[i] = placeRow{ID: l.ID, Name: l.Name}
		for _, h := range l.Hubs {
			hub := placeRow{ID: h.ID, Name: h.Name}
			for _, door := range h.Doors {
				row := placeRow{ID: door.ID, Name: door.Name}
				for _, r := range door.Readers {
					row.Readers = append(row.Readers, r.ID)
				}
				hub.Doors = append(hub.Doors, row)
			}
			rows[i].Hubs = append(rows[i].Hubs, hub)
		}
	}
	return rows
}

// onPlace does a command's act with the kind of place that its first argument
// names, and says what it did.
func onPlace(ctx context.Context, c console, o *options, args []string, n int, act func(d *counter, kind string, rest []string) (done string, err error)) error {
	arguments, err := o.parse(args, n)
	if err != nil {
		return err
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	done, err := act(d, arguments[0], arguments[1:])
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]string{"done": done})
	}
	_, err = fmt.Fprintln(c.out, done)
	return err
}

// sayLacks says beside what was done what readers' screens lack of a name.
func sayLacks(c console, name, blank string) {
	if note := desk.OnScreens(name, blank); note != "" {
		fmt.Fprintln(c.err, note)
	}
}

// sayPlaceLacks is sayLacks of the name of a place of a kind.
func sayPlaceLacks(c console, kind, name string) {
	switch kind { // no screen shows a hub
	case "door":
		sayLacks(c, name, desk.NoDoorName)
	case "location":
		sayLacks(c, name, desk.NoText)
	}
}

// noKind says that an argument is no kind of place.
func noKind(o *options, kind, kinds string) error {
	return usagef("%s: %q is neither %s; see %s --help", o.Name(), kind, kinds, o.Name())
}

func parsePlace(o *options, text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, usagef("%s: %q is no number of a place; latchkey-controller place list shows them", o.Name(), text)
	}
	return id, nil
}

func placeAddCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "place add", "location NAME | hub NAME --in LOCATION | door NAME --in HUB", "Adds a place. LOCATION and HUB are the numbers that place list shows.")
	in := o.Int64("in", 0, "the `number` of the location of a hub, or of the hub of a door")
	return onPlace(ctx, c, o, args, 2, func(d *counter, kind string, rest []string) (string, error) {
		var id int64
		var err error
		switch {
		case kind == "location" && *in == 0:
			id, err = d.AddLocation(ctx, d.actor, rest[0])
		case kind == "hub" && *in != 0:
			id, err = d.AddHub(ctx, d.actor, *in, rest[0])
		case kind == "door" && *in != 0:
			id, err = d.AddDoor(ctx, d.actor, *in, rest[0])
		default:
			return "", noKind(o, kind, "a location without --in, nor a hub or door with it")
		}
		if err != nil {
			return "", err
		}
		sayPlaceLacks(c, kind, rest[0])
		return fmt.Sprintf("%s %d  %s", kind, id, rest[0]), nil
	})
}

func placeRenameCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "place rename", "location|hub|door NUMBER NAME", "Renames a place, on the readers' screens too.")
	return onPlace(ctx, c, o, args, 3, func(d *counter, kind string, rest []string) (string, error) {
		id, err := parsePlace(o, rest[0])
		if err != nil {
			return "", err
		}
		rename := map[string]func(context.Context, desk.Actor, int64, string, string) error{"location": d.RenameLocation, "hub": d.RenameHub, "door": d.RenameDoor}[kind]
		if rename == nil {
			return "", noKind(o, kind, "location nor hub nor door")
		}
		if err := rename(ctx, d.actor, id, "", rest[1]); err != nil {
			return "", err
		}
		sayPlaceLacks(c, kind, rest[1])
		return fmt.Sprintf("%s %d  %s", kind, id, rest[1]), nil
	})
}

func placeMoveCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "place move", "door NUMBER HUB | reader READER DOOR", "Puts a door to another hub, or lets a reader serve another door. HUB and DOOR are numbers.")
	return onPlace(ctx, c, o, args, 3, func(d *counter, kind string, rest []string) (string, error) {
		to, err := parsePlace(o, rest[1])
		if err != nil {
			return "", err
		}
		switch kind {
		case "door":
			id, err := parsePlace(o, rest[0])
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("door %d is at hub %d", id, to), d.MoveDoor(ctx, d.actor, id, to)
		case "reader":
			return fmt.Sprintf("reader %s serves door %d", rest[0], to), d.MoveReader(ctx, d.actor, rest[0], "", to)
		}
		return "", noKind(o, kind, "door nor reader")
	})
}

func placeRemoveCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "place remove", "location|hub|door NUMBER", "Removes a place that holds nothing.")
	return onPlace(ctx, c, o, args, 2, func(d *counter, kind string, rest []string) (string, error) {
		id, err := parsePlace(o, rest[0])
		if err != nil {
			return "", err
		}
		remove := map[string]func(context.Context, desk.Actor, int64) error{"location": d.RemoveLocation, "hub": d.RemoveHub, "door": d.RemoveDoor}[kind]
		if remove == nil {
			return "", noKind(o, kind, "location nor hub nor door")
		}
		return fmt.Sprintf("%s %d is removed", kind, id), remove(ctx, d.actor, id)
	})
}
