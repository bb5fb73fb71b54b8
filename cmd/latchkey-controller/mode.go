package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// awaitFor is how long a command waits for readers to confirm, awaitEvery how often it looks.
const awaitFor, awaitEvery = 5 * time.Second, 100 * time.Millisecond

func modeSet(c *invocation) action {
	c.details = "unlocked opens a door to everybody, and needs an end; locked lets only the groups in that the policy\nexempts, lockdown only those of a lockdown, by card; evacuation opens the door to everybody. The highest\nmode that is wanted at a door is in force. Waits up to 5 s until the readers there have confirmed it."
	where := whereFlags(c)
	until := ""
	c.Func("until", "it ends at this `time`, or with this day, in the site's time zone", func(text string) error {
		until = text
		return checkTime(text)
	})
	var lasts time.Duration
	c.Func("for", "it ends after this `duration`, like 30m or 8h", func(text string) (err error) {
		if lasts, err = time.ParseDuration(text); err != nil || lasts < time.Second {
			return errors.New("write it like 30m or 8h")
		}
		return nil
	})
	noWait := c.Bool("no-wait", false, "do not wait for readers")
	c.check = func([]string) error {
		if until != "" && lasts != 0 {
			return c.wrongUse("--until and --for are two ways to say the same; give one of them")
		}
		return where.check()
	}
	return func(ctx context.Context, args []string) error {
		at, err := where.find(ctx)
		if err != nil {
			return err
		}
		var end int64
		switch {
		case lasts != 0:
			end = c.desk.Now().Add(lasts).Unix()
		case until != "":
			in, err := c.desk.Zone(ctx)
			if err != nil {
				return err
			}
			t, err := desk.ParseTime(until, 1, in)
			if err != nil {
				return fmt.Errorf("--until: %w", err)
			}
			end = t.Unix()
		}
		id, err := c.desk.SetMode(ctx, c.actor, at, wire.Mode(args[0]), end)
		if err != nil {
			return err
		}
		wanted, err := c.awaitMode(ctx, id, *noWait)
		if err != nil {
			return err
		}
		return c.printMode(ctx, wanted)
	}
}

// awaitMode returns a wanted mode when all readers there that are online have confirmed it,
// or time is over. No wait is of use while no controller runs.
func (c *invocation) awaitMode(ctx context.Context, id int64, noWait bool) (wanted *desk.WantedMode, err error) {
	err = await(ctx, noWait, func() (bool, error) {
		modes, running, err := c.wantedModes(ctx)
		if err != nil {
			return false, err
		}
		wanted = nil
		for _, m := range modes {
			if m.ID == id {
				wanted = m
			}
		}
		if wanted == nil {
			return false, errors.New("somebody has ended it already")
		}
		return running && wanted.Awaits(), nil
	})
	return wanted, err
}

// await looks how far readers have come until nothing is awaited any more, or time is over;
// noWait: once.
func await(ctx context.Context, noWait bool, look func() (awaited bool, err error)) error {
	for end := time.Now().Add(awaitFor); ; {
		awaited, err := look()
		if err != nil || noWait || !awaited || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(awaitEvery):
		}
	}
}

// wantedModes returns the wanted modes, as the controller sees them that runs on the site,
// if one does.
func (c *invocation) wantedModes(ctx context.Context) (modes []*desk.WantedMode, running bool, err error) {
	modes, err = c.running(sessionUser()).WantedModes(ctx)
	if !errors.Is(err, control.ErrNotRunning) {
		return modes, true, err
	}
	modes, err = c.desk.WantedModes(ctx, c.actor)
	return modes, false, err
}

// printMode prints a mode, and the doors that have not confirmed it.
func (c *invocation) printMode(ctx context.Context, m *desk.WantedMode) error {
	in, err := c.desk.Zone(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, newModeRow(m, in))
	}
	if _, err := fmt.Fprintf(c.out, "mode %d: %s at %s: %s\n", m.ID, m.Mode, desk.Clean(m.Place), desk.Clean(m.Text.String())); err != nil {
		return err
	}
	for _, p := range m.Doors {
		if p.State == desk.ModeConfirmed {
			continue
		}
		if _, err := fmt.Fprintf(c.out, "  %s (%s): %s\n", desk.Clean(p.Door), p.Reader, desk.Clean(p.Text.String())); err != nil {
			return err
		}
	}
	return nil
}

func modeList(c *invocation) action {
	c.details = "The number before each is its id. A door with several modes works in the highest of them."
	return func(ctx context.Context, _ []string) error {
		modes, _, err := c.wantedModes(ctx)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		rows, lines := []modeRow{}, []string{}
		for _, m := range modes {
			rows = append(rows, newModeRow(m, in))
			lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%s\t%s\t%s\t%s", m.ID, m.Mode, desk.Clean(m.Place), shortTime(m.At, in), shortTime(m.Until, in), desk.Clean(m.By), desk.Clean(m.Text.String())))
		}
		err = c.printTable(rows, "no mode is wanted in "+c.dir+": all doors work as their policies say", fmt.Sprintf("ID\tMODE\tWHERE\tSINCE (%s)\tUNTIL\tBY\tDOORS\n", in), lines)
		if err != nil {
			return err
		}
		return c.awaitEnded(ctx, true)
	}
}

func modeEnd(c *invocation) action {
	c.details = "NUMBER is what mode list shows. Doors go back to what else is wanted there, or to their policies.\nWaits up to 5 s until the readers that are online have confirmed it."
	noWait := c.Bool("no-wait", false, "do not wait for readers")
	return func(ctx context.Context, args []string) error {
		id := placeNumber(args[0])
		if err := c.desk.EndMode(ctx, c.actor, id); err != nil {
			return absence(err, "mode list shows all of them")
		}
		if err := c.report(map[string]any{"id": id}, "mode %d has ended\n", id); err != nil {
			return err
		}
		return c.awaitEnded(ctx, *noWait)
	}
}

func modeEarly(c *invocation) action {
	c.details = "Doors that their unlock schedules hold open now are locked, until the next span of the schedule begins.\nWaits up to 5 s until the readers that are online have confirmed it."
	where := whereFlags(c)
	noWait := c.Bool("no-wait", false, "do not wait for readers")
	c.check = func([]string) error { return where.check() }
	return func(ctx context.Context, _ []string) error {
		at, err := where.find(ctx)
		if err != nil {
			return err
		}
		if err := c.desk.EndEarly(ctx, c.actor, at); err != nil {
			return err
		}
		if err := c.report(map[string]string{"done": "ended early"}, "locked until the next span of the unlock schedule\n"); err != nil {
			return err
		}
		return c.awaitEnded(ctx, *noWait)
	}
}

// awaitEnded waits until all readers that are online have confirmed that modes were ended, or
// time is over, and prints those that have not.
func (c *invocation) awaitEnded(ctx context.Context, noWait bool) error {
	var readers []*desk.Reader // none if no controller runs
	err := await(ctx, noWait, func() (awaited bool, err error) {
		readers, err = c.running(sessionUser()).Readers(ctx)
		return slices.ContainsFunc(readers, func(r *desk.Reader) bool {
			gap, _ := r.ModeGap(c.desk.Now())
			return gap == desk.GapEnded && r.Live.Online
		}), err
	})
	if errors.Is(err, control.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.printEnded(ctx, readers)
}

// printEnded prints the readers that have not confirmed that a mode was ended, unless as JSON.
func (c *invocation) printEnded(ctx context.Context, readers []*desk.Reader) error {
	in, err := c.desk.Zone(ctx)
	if err != nil || c.json {
		return err
	}
	for _, r := range readers {
		gap, mode := r.ModeGap(c.desk.Now())
		if gap != desk.GapEnded {
			continue
		}
		is := "online"
		if !r.Live.Online {
			is = "offline since " + shortTime(r.Live.Heard, in) + ", will follow"
		}
		if _, err := fmt.Fprintf(c.out, "  %s (%s): still %s, %s\n", desk.Clean(r.Door), r.ID, mode, is); err != nil {
			return err
		}
	}
	return nil
}

// A modeRow is a wanted mode as JSON.
type modeRow struct {
	ID        int64     `json:"id"`
	Mode      wire.Mode `json:"mode"`
	Level     string    `json:"level"`          // "site", "location" or "door"
	Place     int64     `json:"place-id"`       // 0: the site
	Where     string    `json:"where"`          // its name
	Since     time.Time `json:"since"`          //
	Until     time.Time `json:"until,omitzero"` // none: until somebody ends it
	By        string    `json:"by"`
	Confirmed int       `json:"confirmed"`
	Of        int       `json:"of"`
	Took      float64   `json:"seconds,omitempty"` // until the last one confirmed; none: not all have
	Text      string    `json:"text"`
	Doors     []doorRow `json:"doors"`
}

// A doorRow is how far a mode has come at a door, as JSON.
type doorRow struct {
	Door   string        `json:"door"`
	Reader string        `json:"reader"`
	State  desk.Progress `json:"state"`
	After  float64       `json:"seconds,omitempty"` // until it confirmed
	Since  time.Time     `json:"offline-since,omitzero"`
	Mode   wire.Mode     `json:"mode,omitempty"` // in force there
	Text   string        `json:"text"`
}

func newModeRow(m *desk.WantedMode, in *time.Location) modeRow {
	row := modeRow{
		ID: m.ID, Mode: m.Mode, Level: string(m.Where.Level), Place: m.Where.ID, Where: m.Place, Since: m.At.In(in), By: m.By,
		Confirmed: m.Confirmed, Of: m.Of, Took: m.Took.Seconds(), Text: m.Text.String(), Doors: []doorRow{},
	}
	if row.Level == "" {
		row.Level = "site"
	}
	if !m.Until.IsZero() {
		row.Until = m.Until.In(in)
	}
	for _, p := range m.Doors {
		row.Doors = append(row.Doors, doorRow{p.Door, p.Reader, p.State, p.After.Seconds(), p.Since, p.Mode, p.Text.String()})
	}
	return row
}

// A whereFlag is a place for a mode, as it was given.
type whereFlag struct {
	*invocation
	site                   *bool
	location, door, reader *string
}

// whereFlags adds the flags that say where.
func whereFlags(c *invocation) *whereFlag {
	return &whereFlag{
		c, c.Bool("site", false, "at the whole site"),
		c.String("location", "", "at all doors of a location: its `name`, or the number that place list shows"),
		c.String("door", "", "at a door: its `name`, or the number that place list shows"),
		c.String("reader", "", "at the door of a reader: its `id`"),
	}
}

func (w *whereFlag) check() error {
	given := 0
	for _, is := range []bool{*w.site, *w.location != "", *w.door != "", *w.reader != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return w.wrongUse("say where with one of --site, --location, --door and --reader")
	}
	return nil
}

// find returns the place.
func (w *whereFlag) find(ctx context.Context) (desk.Where, error) {
	if *w.site {
		return desk.Where{}, nil
	}
	if *w.reader != "" {
		r, err := w.desk.Reader(ctx, w.actor, *w.reader)
		if errors.Is(err, desk.ErrNotFound) {
			return desk.Where{}, fmt.Errorf("there is no reader %q; latchkey-controller reader list shows all of them", *w.reader)
		}
		if err != nil {
			return desk.Where{}, err
		}
		return desk.Where{Level: desk.Doors, ID: r.DoorID}, nil
	}
	if *w.door != "" {
		return w.findPlace(ctx, desk.Doors, *w.door)
	}
	return w.findPlace(ctx, desk.Locations, *w.location)
}

// findPlace returns the location or the door with a name, or else with a number.
func (c *invocation) findPlace(ctx context.Context, level desk.Level, text string) (desk.Where, error) {
	locations, err := c.desk.Places(ctx, c.actor)
	if err != nil {
		return desk.Where{}, err
	}
	called := map[int64]string{}
	for _, l := range locations {
		if level == desk.Locations {
			called[l.ID] = l.Name
			continue
		}
		if level == desk.Hubs {
			for _, h := range l.Hubs {
				called[h.ID] = h.Name
			}
			continue
		}
		for _, d := range l.Doors {
			called[d.ID] = d.Name
		}
	}
	var found []int64
	for id, name := range called {
		if name == text {
			found = append(found, id)
		}
	}
	if number, err := strconv.ParseInt(text, 10, 64); err == nil && len(found) == 0 && called[number] != "" {
		found = []int64{number}
	}
	switch len(found) {
	case 0:
		return desk.Where{}, fmt.Errorf("there is no %s %q; latchkey-controller place list shows all of them", level, text)
	case 1:
		return desk.Where{Level: level, ID: found[0]}, nil
	}
	return desk.Where{}, fmt.Errorf("there are %d of the name %q: give the number of the %s that you mean, which latchkey-controller place list shows", len(found), text, level)
}
