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
		rows, lines := []placeRow{}, []string{}
		line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
		for _, l := range locations {
			location := placeRow{ID: l.ID, Name: l.Name}
			line("location %d  %s", l.ID, l.Name)
			for _, h := range l.Hubs {
				hub := placeRow{ID: h.ID, Name: h.Name}
				line("  hub %d  %s", h.ID, h.Name)
				for _, d := range h.Doors {
					door := placeRow{ID: d.ID, Name: d.Name, Visitors: d.Visited}
					visitors := ""
					if d.Visited {
						visitors = "  takes visitors"
					}
					line("    door %d  %s%s", d.ID, d.Name, visitors)
					for _, r := range d.Readers {
						door.Readers = append(door.Readers, r.ID)
						line("      reader %s  PIN %s", r.ID, onOff(r.PIN()))
					}
					hub.Doors = append(hub.Doors, door)
				}
				location.Hubs = append(location.Hubs, hub)
			}
			rows = append(rows, location)
		}
		return c.printTable(rows, "no places yet; add one with: latchkey-controller place add --dir "+c.dir+" location NAME", "", lines)
	}
}

// A placeRow is a location, a hub or a door as JSON.
type placeRow struct {
	ID      int64      `json:"id"`
	Name    string     `json:"name"`
	Hubs    []placeRow `json:"hubs,omitempty"`
	Doors   []placeRow `json:"doors,omitempty"`
	Readers []string   `json:"readers,omitempty"`

	Visitors bool `json:"takes-visitors,omitempty"` // of a door
}

func placeAdd(c *invocation) action {
	c.details = "LOCATION and HUB are names, or the numbers that place list shows."
	within := c.String("in", "", "the `location` of a hub, or the hub of a door")
	location := c.String("location", "", "the `location` of a door that needs no hub")
	c.check = func(args []string) error {
		switch kind, in, at := args[0], *within != "", *location != ""; {
		case kind == "location" && (in || at):
			return c.wrongUse("a location takes neither --in nor --location")
		case kind == "hub" && (!in || at):
			return c.wrongUse("a hub needs --in, the location, and takes no --location")
		case kind == "door" && in == at:
			return c.wrongUse("a door needs either --location, or --in with its hub")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		kind, name := args[0], args[1]
		if *location != "" {
			at, err := c.findPlace(ctx, desk.Locations, *location)
			if err != nil {
				return err
			}
			id, err := c.desk.AddDoor(ctx, c.actor, at.ID, name)
			return c.reportName(err, kind, id, name)
		}
		var in desk.Where
		if *within != "" {
			level := desk.Locations
			if kind == "door" {
				level = desk.Hubs
			}
			var err error
			if in, err = c.findPlace(ctx, level, *within); err != nil {
				return err
			}
		}
		id, err := c.desk.AddPlace(ctx, c.actor, desk.Level(kind), in.ID, name)
		return c.reportName(err, kind, id, name)
	}
}

func placeRename(c *invocation) action {
	c.details = numbersOfPlaces
	return func(ctx context.Context, args []string) error {
		kind, id, name := args[0], placeNumber(args[1]), args[2]
		err := c.desk.EditPlace(ctx, c.actor, desk.Level(kind), id, "", func(p *desk.PlaceForm) { p.Name = name })
		return c.reportName(err, kind, id, name)
	}
}

func placeMove(c *invocation) action {
	c.details = numbersOfPlaces
	return func(ctx context.Context, args []string) error {
		what, to := args[1], placeNumber(args[2])
		if args[0] == "door" {
			return c.reportPlace(c.desk.EditPlace(ctx, c.actor, desk.Doors, placeNumber(what), "", func(p *desk.PlaceForm) { p.In = to }), "door %s is at hub %d", what, to)
		}
		return c.reportPlace(c.desk.MoveReader(ctx, c.actor, what, "", to), "reader %s serves door %d", what, to)
	}
}

func placeRemove(c *invocation) action {
	c.details = numbersOfPlaces
	return func(ctx context.Context, args []string) error {
		kind, id := args[0], placeNumber(args[1])
		err := c.desk.RemovePlace(ctx, c.actor, desk.Level(kind), id)
		return c.reportPlace(err, "%s %d is removed", kind, id)
	}
}

const numbersOfPlaces = "NUMBER, HUB and DOOR are the numbers that place list shows."

// placeNumber returns the number of a place, which command.takes has checked.
func placeNumber(text string) int64 {
	id, _ := strconv.ParseInt(text, 10, 64)
	return id
}

// reportName prints the name that a place was given, unless that failed. No screen shows
// the name of a hub.
func (c *invocation) reportName(err error, kind string, id int64, name string) error {
	if err == nil && kind != "hub" {
		warnMissingLetters(c, name, map[string]desk.Blank{"door": desk.NoDoorName, "location": desk.NoText}[kind])
	}
	return c.reportPlace(err, "%s %d  %s", kind, id, name)
}

// reportPlace prints what was done with a place, unless that failed.
func (c *invocation) reportPlace(err error, format string, args ...any) error {
	if err != nil {
		return absence(err, "place list shows all of them")
	}
	done := fmt.Sprintf(format, args...)
	return c.report(map[string]string{"done": done}, "%s\n", done)
}
