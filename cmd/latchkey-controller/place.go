package main

import (
	"context"
	"fmt"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func placeList(c *invocation) action {
	c.details = "The number before each is its id."
	return func(ctx context.Context, _ []string) error {
		locations, err := c.desk.Places(ctx, c.actor)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(c.out, placeRows(locations))
		}
		if len(locations) == 0 {
			_, err := fmt.Fprintf(c.out, "no places yet; add one with: latchkey-controller place add --dir %s location NAME\n", c.dir)
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
}

// A placeRow is a location, a hub or a door as JSON.
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

func placeAdd(c *invocation) action {
	c.details = "LOCATION and HUB are the numbers that place list shows."
	in := c.Int64("in", 0, "the `number` of the location of a hub, or of the hub of a door")
	return func(ctx context.Context, args []string) error {
		kind, name := args[0], args[1]
		var id int64
		var err error
		switch {
		case kind == "location" && *in == 0:
			id, err = c.desk.AddLocation(ctx, c.actor, name)
		case kind == "hub" && *in != 0:
			id, err = c.desk.AddHub(ctx, c.actor, *in, name)
		case kind == "door" && *in != 0:
			id, err = c.desk.AddDoor(ctx, c.actor, *in, name)
		default:
			return c.wrongKind(kind, "a location without --in, nor a hub or door with it")
		}
		if err != nil {
			return err
		}
		warnMissingPlaceLetters(c, kind, name)
		return c.reportPlace("%s %d  %s", kind, id, name)
	}
}

func placeRename(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		kind, name := args[0], args[2]
		id, err := parsePlace(c, args[1])
		if err != nil {
			return err
		}
		switch kind {
		case "location":
			err = c.desk.RenameLocation(ctx, c.actor, id, "", name)
		case "hub":
			err = c.desk.RenameHub(ctx, c.actor, id, "", name)
		case "door":
			err = c.desk.RenameDoor(ctx, c.actor, id, "", name)
		default:
			return c.wrongKind(kind, "location nor hub nor door")
		}
		if err != nil {
			return err
		}
		warnMissingPlaceLetters(c, kind, name)
		return c.reportPlace("%s %d  %s", kind, id, name)
	}
}

func placeMove(c *invocation) action {
	c.details = "HUB and DOOR are the numbers that place list shows."
	return func(ctx context.Context, args []string) error {
		kind := args[0]
		to, err := parsePlace(c, args[2])
		if err != nil {
			return err
		}
		switch kind {
		case "door":
			id, err := parsePlace(c, args[1])
			if err != nil {
				return err
			}
			if err := c.desk.MoveDoor(ctx, c.actor, id, to); err != nil {
				return err
			}
			return c.reportPlace("door %d is at hub %d", id, to)
		case "reader":
			if err := c.desk.MoveReader(ctx, c.actor, args[1], "", to); err != nil {
				return err
			}
			return c.reportPlace("reader %s serves door %d", args[1], to)
		}
		return c.wrongKind(kind, "door nor reader")
	}
}

func placeRemove(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		kind := args[0]
		id, err := parsePlace(c, args[1])
		if err != nil {
			return err
		}
		switch kind {
		case "location":
			err = c.desk.RemoveLocation(ctx, c.actor, id)
		case "hub":
			err = c.desk.RemoveHub(ctx, c.actor, id)
		case "door":
			err = c.desk.RemoveDoor(ctx, c.actor, id)
		default:
			return c.wrongKind(kind, "location nor hub nor door")
		}
		if err != nil {
			return err
		}
		return c.reportPlace("%s %d is removed", kind, id)
	}
}

// reportPlace prints what was done with a place.
func (c *invocation) reportPlace(format string, args ...any) error {
	done := fmt.Sprintf(format, args...)
	return c.report(map[string]string{"done": done}, "%s\n", done)
}

// wrongKind says that an argument is no kind of place.
func (c *invocation) wrongKind(kind, kinds string) error {
	return usagef("%s: %q is neither %s; see %s --help", c.Name(), kind, kinds, c.Name())
}

func parsePlace(c *invocation, text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, usagef("%s: %q is no number of a place; latchkey-controller place list shows them", c.Name(), text)
	}
	return id, nil
}
