package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
)

// cellBrokers defines --broker, which may be repeated and has to be given.
func cellBrokers(c *invocation, form *desk.CellForm) {
	c.Func("broker", "a broker's `URL`; may be repeated, in the order in which readers try them", func(url string) error {
		if strings.TrimSpace(url) == "" {
			return errors.New("write a URL like ssl://broker.example:8883")
		}
		form.Brokers += " " + url
		return nil
	})
	c.check = func([]string) error {
		if form.Brokers == "" {
			return c.wrongUse("needs --broker for each broker of the cell")
		}
		return nil
	}
}

func cellAdd(c *invocation) action {
	c.details = whatCellsAre + `
NAME is up to 32 lower-case letters, digits and hyphens. A broker is one cell's: no reader of another cell may go
to it.`
	var form desk.CellForm
	cellBrokers(c, &form)
	return func(ctx context.Context, args []string) error {
		form.Name = args[0]
		if _, err := c.desk.AddCell(ctx, c.actor, form); err != nil {
			return err
		}
		cell, err := c.cell(ctx, form.Name)
		if err != nil {
			return err
		}
		urls := ""
		for _, b := range cell.Brokers {
			urls += " --broker " + b
		}
		return c.report(newCellRow(cell, false), `the cell %[1]s is added; no reader is of it yet. Next:

 1. Write the configuration of each of its brokers, a Mosquitto, and start that:
    latchkey-controller broker-config --dir %[2]s --cell %[1]s --out DIR
 2. Start a controller for it, and another one that stands by, in directories of theirs (join makes one):
    latchkey-controller serve --dir DIR --cell %[1]s%[3]s
 3. Move readers, a few at first, or adopt new ones with reader add --cell %[1]s:
    latchkey-controller cell move --dir %[2]s READER… --to %[1]s
`, cell.Name, c.dir, urls)
	}
}

func cellEdit(c *invocation) action {
	c.details = `The readers that went to the former brokers go to these, each within a few minutes, once it hears a controller of the
cell there. Those that were told of others for themselves (brokers set --reader) stay there. Each controller of the
cell must be connected to all of them: write their configuration with broker-config --cell, start it with --broker
for each, and only then set them here.`
	var form desk.CellForm
	cellBrokers(c, &form)
	c.BoolVar(&form.Anyway, "anyway", false, "set them although the controller that leads the cell is not connected to one of them")
	return func(ctx context.Context, args []string) error {
		cell, err := c.cell(ctx, args[0])
		if err != nil {
			return err
		}
		form.ID, form.Revision, form.Name = cell.ID, cell.Revision, cell.Name
		if form.Running, err = c.runningBrokers(ctx); err != nil {
			return err
		}
		change, err := c.desk.EditCell(ctx, c.actor, form)
		if err != nil {
			return anywayError(err, "set them")
		}
		if cell, err = c.cell(ctx, cell.Name); err != nil {
			return err
		}
		says := fmt.Sprintf("the cell %s has the brokers %s: ", cell.Name, strings.Join(cell.Brokers, ", then "))
		if change.Changed > 0 {
			says += fmt.Sprintf("%s told of them; each moves within a few minutes, once it hears a controller there\n", desk.AreReaders(change.Changed))
		} else {
			says += "no reader has to be told of them\n"
		}
		if change.Kept > 0 {
			says += fmt.Sprintf("%s to others that were set for them alone, and stay: brokers set --reader changes those\n", goes(change.Kept))
		}
		return c.report(map[string]any{"cell": cell.Name, "brokers": cell.Brokers, "readers": change.Changed, "kept": change.Kept}, "%s", says)
	}
}

// goes returns a number of readers as the subject of a sentence: "1 reader goes", "2 readers go".
func goes(n int) string {
	if n == 1 {
		return "1 reader goes"
	}
	return counted(n, "reader") + " go"
}

// runningBrokers returns how the connections are of the controller that runs in the directory, and those of others that it
// knows of; nil: none runs there.
func (c *invocation) runningBrokers(ctx context.Context) (*desk.Brokers, error) {
	b, err := c.running(sessionUser()).Brokers(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		return nil, nil
	}
	return b, err
}

// anywayError adds to a warning which flag does it all the same.
func anywayError(err error, do string) error {
	if says := desk.Fields(err)["anyway"]; says != nil {
		return fmt.Errorf("%s. To %s all the same, add --anyway", says, do)
	}
	return err
}

func cellRename(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		cell, err := c.cell(ctx, args[0])
		if err != nil {
			return err
		}
		form := desk.CellForm{ID: cell.ID, Revision: cell.Revision, Name: args[1], Brokers: strings.Join(cell.Brokers, " ")}
		if _, err := c.desk.EditCell(ctx, c.actor, form); err != nil {
			return err
		}
		if cell, err = c.cell(ctx, desk.TidyName(args[1])); err != nil {
			return err
		}
		says := ""
		if !cell.Home {
			says = fmt.Sprintf(": change --cell where its controllers are started, which otherwise fails: serve --cell %s", cell.Name)
		}
		return c.report(newCellRow(cell, false), "the cell %s is called %s now%s\n", args[0], cell.Name, says)
	}
}

func cellRemove(c *invocation) action {
	c.details = "Move its readers to another cell first, wait until they have moved, and stop its controllers."
	return func(ctx context.Context, args []string) error {
		cell, err := c.cell(ctx, args[0])
		if err != nil {
			return err
		}
		if err := c.desk.RemoveCell(ctx, c.actor, cell.ID, cell.Revision); err != nil {
			return err
		}
		return c.report(map[string]string{"cell": cell.Name}, "the cell %s is removed; nobody needs its brokers any more\n", cell.Name)
	}
}

func cellMove(c *invocation) action {
	c.details = fmt.Sprintf(`They are told of the brokers of that cell, and go there within a few minutes, once they hear a controller of it. The
cell that they come from serves them, too, until they have been there for a minute: doors, orders and modes
go on. At most %d at once.`, desk.MaxMoved)
	to := c.String("to", "", "the `name` of the cell that they are to be of")
	var form desk.MoveForm
	c.BoolVar(&form.Anyway, "anyway", false, "move them although no controller leads that cell, or is connected to its brokers")
	return func(ctx context.Context, args []string) error {
		cell, err := c.cell(ctx, *to)
		if err != nil {
			return err
		}
		form.Readers, form.Cell = args, cell.ID
		if form.Running, err = c.runningBrokers(ctx); err != nil {
			return err
		}
		changed, err := c.desk.MoveReaders(ctx, c.actor, form)
		if err != nil {
			return anywayError(err, "move them")
		}
		result := map[string]any{"cell": cell.Name, "readers": changed}
		if changed == 0 {
			return c.report(result, "nothing is changed: they are of the cell %s already\n", cell.Name)
		}
		return c.report(result, "%s being moved to the cell %s; latchkey-controller cell show --dir %s %[2]s shows which have not moved yet\n", desk.AreReaders(changed), cell.Name, c.dir)
	}
}
