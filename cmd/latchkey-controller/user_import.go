package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/backup"
	"latchkey/cmd/latchkey-controller/internal/desk"
)

func userImport(c *invocation) action {
	c.details = `FILE is CSV with a header; IMPORT.md describes its columns, and user export writes such a file. First
look at what would be done, row by row: user import FILE. It ends with a revision. Then do it, all of it
or nothing: user import FILE --apply REVISION. If the file, or a user whom it is about, has changed
since, nothing is done. PINs that are made (pin is auto) go into a new file that is encrypted with age,
and are kept nowhere else.`
	revision := c.String("apply", "", "does what the preview with this `revision` said")
	out := c.String("pins", "", "the new `file` for PINs, like pins.csv.age")
	var form desk.PINFileForm
	c.Func("recipient", "an age `recipient`, age1…, whose identity opens the file of PINs; may be repeated", func(text string) error {
		form.Recipients += text + "\n"
		return nil
	})
	phrase := passphraseFlag(c)
	c.check = func([]string) error {
		switch {
		case *out != "" && *revision == "":
			return c.wrongUse("--pins goes with --apply")
		case *out != "" && (*phrase != "") == (form.Recipients != ""):
			return c.wrongUse("--pins needs --recipient or --passphrase -, and not both: nobody else opens the file")
		case *out == "" && (*phrase != "" || form.Recipients != ""):
			return c.wrongUse("--recipient and --passphrase go with --pins")
		}
		return checkPassphraseFlag(c, *phrase)
	}
	return func(ctx context.Context, args []string) error {
		file, err := readFile(args[0], desk.MaxImport)
		if err != nil {
			return err
		}
		if *revision == "" {
			p, err := c.desk.PreviewImport(ctx, c.actor, file)
			if err != nil {
				return err
			}
			return printPreview(c, args[0], p)
		}
		var pins *desk.PINDelivery
		if *out != "" {
			if *phrase != "" {
				if form.Passphrase, err = askSecret(ctx, c, "passphrase", maxPassphraseLine, "Passphrase: ", "once more:  "); err != nil {
					return err
				}
				defer clear(form.Passphrase)
			}
			if err := backup.Free(*out); err != nil {
				return err
			}
			f, err := backup.Create(filepath.Dir(*out))
			if err != nil {
				return err
			}
			defer f.Close()
			if pins, err = form.Delivery(f, func() error { return f.Commit(filepath.Base(*out)) }); err != nil {
				return err
			}
		}
		done, err := c.desk.ImportUsers(ctx, c.actor, file, *revision, pins)
		if err != nil {
			if pins != nil && pins.Given {
				os.Remove(*out) // its PINs are nobody's
			}
			if pins == nil && desk.Fields(err)["pins"] != nil {
				err = fmt.Errorf("%w, with --pins FILE and --recipient age1… or --passphrase -", err)
			}
			return err
		}
		return c.report(countsOf(done), "%s added, %d changed, %d as before; PINs made: %d, new cards: %d\n", counted(done.Count[desk.RowAdds], "user"), done.Count[desk.RowChanges], done.Count[desk.RowKeeps], done.PINs, done.Cards)
	}
}

// An importCount is what an import did, or would do, as JSON.
type importCount struct {
	Add      int         `json:"add"`
	Change   int         `json:"change"`
	Keep     int         `json:"keep"`
	Wrong    int         `json:"wrong"`
	PINs     int         `json:"pins"`
	Cards    int         `json:"cards"`
	Revision string      `json:"revision,omitempty"`
	Rows     []importRow `json:"rows,omitempty"`
}

type importRow struct {
	Line  int      `json:"line"`
	Does  string   `json:"does"`
	User  uint64   `json:"user,omitempty"`
	Name  string   `json:"name"`
	Tells []string `json:"tells"`
}

func countsOf(p *desk.ImportPreview) importCount {
	return importCount{Add: p.Count[desk.RowAdds], Change: p.Count[desk.RowChanges], Keep: p.Count[desk.RowKeeps], Wrong: p.Count[desk.RowWrong], PINs: p.PINs, Cards: p.Cards}
}

// printPreview shows what an import would do. It fails if rows are wrong.
func printPreview(c *invocation, file string, p *desk.ImportPreview) error {
	rows, lines := []importRow{}, []string{}
	for _, r := range p.Rows {
		tells := []string{}
		for _, t := range r.Tells {
			tells = append(tells, t.String())
		}
		rows = append(rows, importRow{r.Line, string(r.Fate), r.User, r.Name, tells})
		if r.Fate != desk.RowKeeps {
			lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%s", r.Line, r.Fate, orDash(r.Name), orDash(strings.Join(tells, "; "))))
		}
	}
	wrong := p.Count[desk.RowWrong]
	if c.json {
		count := countsOf(p)
		if count.Rows = rows; wrong == 0 {
			count.Revision = p.Revision
		}
		if err := printJSON(c.out, count); err != nil {
			return err
		}
	} else {
		if err := c.printTable(nil, "nothing changes: everything in the file is so already", "LINE\tDOES\tNAME\tWHAT\n", lines); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "\n%d to add, %d to change, %d as before, %d wrong; PINs to make: %d, new cards: %d\n", p.Count[desk.RowAdds], p.Count[desk.RowChanges], p.Count[desk.RowKeeps], wrong, p.PINs, p.Cards)
	}
	if wrong > 0 {
		return fmt.Errorf("wrong: %s; nothing can be imported until all are right", counted(wrong, "row"))
	}
	if c.json || len(lines) == 0 {
		return nil
	}
	pins := ""
	if p.PINs > 0 {
		pins = " --pins pins.csv.age --recipient age1…"
	}
	_, err := fmt.Fprintf(c.out, "To do this: latchkey-controller user import --dir %s %s --apply %s%s\n", c.dir, file, p.Revision, pins)
	return err
}

func userExport(c *invocation) action {
	c.details = `It writes CSV to standard output, with the columns that user import reads: imported as it is, it changes
nothing. Cards are masked, PINs and visitors are not in it.`
	search := c.String("search", "", "those whose name, groups, email or employee number have `words` that begin so")
	group := c.String("group", "", "those in this `group`")
	state := stateFlag(c)
	return func(ctx context.Context, _ []string) error {
		if err := c.checkGroup(ctx, *group); err != nil {
			return err
		}
		return c.desk.ExportUsers(ctx, c.actor, desk.UserQuery{Search: *search, State: desk.UserState(*state), Group: *group}, c.out)
	}
}
