package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

func readerAdd(c *invocation) action {
	c.details = "latchkeyd identity writes the request. The bundle, sealed to that board, makes the board a reader of this\nsite. A reader that is added again keeps what is not given anew; the newer bundle revokes the\nolder one. With --waiting no file is carried: a reader that waits (reader waiting) fetches its bundle itself;\nif its config names an id, --reader must say the same."
	var form desk.AdoptForm
	c.StringVar(&form.Reader, "reader", "", "the reader's `id`: up to 32 lower-case letters, digits and hyphens")
	request := c.String("request", "", "the request's `file`")
	waiting := c.String("waiting", "", "the `fingerprint` on the screen of a reader that waits")
	out := c.String("out", "", "the bundle is written to this `file`")
	brokersFlag(c, &form.Broker)
	cellFlag(c, &form.Cell)
	c.StringVar(&form.Fingerprint, "fingerprint", "", "the `fingerprint` on the reader's screen, which must be the request's; shown for comparing unless given")
	c.StringVar(&form.Door, "door", "", "the door's `name`, as the screen shows it; the reader's id unless given")
	c.StringVar(&form.Place, "place", "", "the `name` of the place where the door is")
	c.StringVar(&form.TimeZone, "time-zone", "", "the door's time `zone` for schedules, like Europe/Berlin; the site's unless given")
	access, hours := accessFlag(c, "a `group` that may open the door, always, or with group=NAME as the schedule of that name says; may be repeated; everyone: all users; none: nobody yet; a new reader needs it")
	c.check = func([]string) error {
		if *waiting != "" {
			if *request != "" || *out != "" || form.Fingerprint != "" {
				return c.wrongUse("--waiting is instead of --request, --out and --fingerprint")
			}
			return nil
		}
		for _, name := range []string{"reader", "request", "out"} {
			if c.Lookup(name).Value.String() == "" {
				return usagef("%s needs --%s, or --waiting; see %s --help", c.Name(), name, c.Name())
			}
		}
		return nil
	}
	return func(ctx context.Context, _ []string) error {
		form.Access, form.Uses = *access, *hours
		if *waiting != "" {
			adoption, err := adoptWaiting(ctx, c, form, *waiting)
			if err != nil {
				return adoptionError(err, &form)
			}
			return adopted(c, adoption, form.Uses, "")
		}
		var err error
		if form.Request, err = readFile(*request, wire.MaxMessage); err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
		if form.Fingerprint == "" {
			asked, err := c.desk.ReadRequest(ctx, c.actor, form.Request)
			if err != nil {
				return err
			}
			form.Fingerprint = asked.Fingerprint
		}
		unfinished, err := os.CreateTemp(filepath.Dir(*out), filepath.Base(*out)+".new-*")
		if err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
		defer os.Remove(unfinished.Name())
		defer unfinished.Close()
		adoption, err := c.desk.Adopt(ctx, c.actor, form, func(bundle []byte) error {
			if _, err := unfinished.Write(bundle); err != nil {
				return fmt.Errorf("write the bundle: %w", err)
			}
			return unfinished.Sync()
		})
		if err != nil {
			return adoptionError(err, &form)
		}
		if err := os.Rename(unfinished.Name(), *out); err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
		return adopted(c, adoption, form.Uses, *out)
	}
}

// adoptionError says what to do about an adoption that failed.
func adoptionError(err error, form *desk.AdoptForm) error {
	if wrong := desk.Fields(err); len(wrong) == 1 && wrong["access"] != nil && form.Access == nil {
		return usagef("latchkey-controller reader add: %s is a new reader: say who may open its door, with --group GROUP for each\ngroup that may, --group everyone for all users, or --group none for nobody yet", cmp.Or(form.Reader, "it"))
	}
	return usedScheduleError(err)
}

// adopted prints an adoption. out is the bundle's file; "": the reader fetches it.
func adopted(c *invocation, a *site.Adoption, uses []desk.UseSchedule, out string) error {
	warnMissingLetters(c, a.Policy.Door, desk.NoDoorName)
	warnMissingLetters(c, a.Policy.Place, desk.NoText)
	return printAdoption(c, a, uses, out)
}

// brokersFlag defines --broker, which may be repeated.
func brokersFlag(c *invocation, brokers *string) {
	c.Func("broker", "a broker's `URL` for the reader; may be repeated, in the order in which the reader tries them", func(url string) error {
		*brokers += " " + url
		return nil
	})
}

// cellFlag defines --cell.
func cellFlag(c *invocation, cell *string) {
	c.StringVar(cell, "cell", "", "the `name` of the cell that the reader is of, and whose brokers it goes to; unless given as before, or for a new reader the one with the fewest")
}

func printAdoption(c *invocation, a *site.Adoption, uses []desk.UseSchedule, out string) error {
	named := map[desk.HoursUse]string{}
	for _, u := range uses {
		named[u.HoursUse] = u.Schedule
	}
	if c.json {
		return printJSON(c.out, map[string]any{
			"reader": a.Reader, "number": a.Number, "revokes": a.Revoked, "moved-from": a.Moved, "request-fingerprint": a.Board, "controller-fingerprint": a.Controller, "bundle-fingerprint": a.Bundle,
			"credentials": a.Count, "revision": a.Revision, "policy-revision": a.Policy.Revision, "bundle": out, "cell": a.Cell, "tpm": a.TPM, "tpm-certified-by": a.Certified, "pins": !a.NoPIN,
		})
	}
	shows, where := "latchkeyd adopt", "in "+out
	if out == "" {
		shows, where = "The reader's screen, once it has its bundle,", "which the reader fetches"
	}
	fmt.Fprintf(c.out, `reader      %s, at the door %q, time zone %s
open to     %s
request     %s
            The reader's screen shows the same. If it does not, somebody put in another request:
            do not use this bundle.
controller  %s
            %s shows the same.
bundle      %s
            number %d, with %s at revision %d, %s
`, a.Reader, a.Policy.Door, a.Policy.TimeZone, accessText(a.Policy.Access, named), a.Board, a.Controller, shows, a.Bundle, a.Number, counted(int(a.Count), "credential"), a.Revision, where)
	switch {
	case a.Certified != "":
		fmt.Fprintf(c.out, "keys        in the board's TPM, which is certified by %s\n", a.Certified)
	case a.TPM:
		fmt.Fprint(c.out, "keys        in the board's TPM, which is taken at its word: the site trusts no authority that could certify it\n")
	case a.NoPIN:
		fmt.Fprint(c.out, "keys        in a file, without the PIN key: it takes no PINs (settings --pins)\n")
	default:
		fmt.Fprint(c.out, "keys        in a file: whoever steals the reader has all PINs within hours\n")
	}
	if a.Revoked != 0 {
		fmt.Fprintf(c.out, "            It revokes this reader's bundle %d.\n", a.Revoked)
	}
	if a.Moved != "" {
		fmt.Fprintf(c.out, "            This board was the reader %s, which has no board now.\n", a.Moved)
	}
	cell := ""
	if a.Cell != "" {
		fmt.Fprintf(c.out, "cell        %s\n", a.Cell)
		cell = " --cell " + a.Cell
	}
	what := "it tells the reader of changes only every 30 s until it has the new access list"
	then := "have Mosquitto reload"
	if a.Revoked != 0 || a.Moved != "" {
		what = "it lets the older bundle in until it has the new list of revoked certificates"
		then = "restart Mosquitto"
	}
	fmt.Fprintf(c.out, "\nIf the site's broker is a Mosquitto, %s:\nlatchkey-controller broker-config --dir %s%s --out DIR, then %s\n", what, c.dir, cell, then)
	if out == "" {
		_, err := fmt.Fprintf(c.out, "\nThe reader has it within seconds: latchkey-controller reader waiting --dir %s\n", c.dir)
		return err
	}
	_, err := fmt.Fprintf(c.out, "\nAt the reader: latchkeyd adopt --data DIR %s\n", filepath.Base(out))
	return err
}

func readerGrant(c *invocation) action {
	c.details = "For a reader without a link, before its TPM has checked all PINs that it may. With the file it checks as\nmany as it has checked, and the site's budget more. It works at that reader only, does nothing when it\ncomes twice, and never takes anything back."
	reader := c.String("reader", "", "the reader's `id`")
	out := c.String("out", "", "the grant is written to this `file`")
	var spent *uint32
	c.Func("spent", "how many `PINs` its TPM has checked, as latchkeyd status shows it there; as far as the controller knows unless given", func(text string) error {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return errors.New("write the number that latchkeyd status shows")
		}
		spent = new(uint32(n))
		return nil
	})
	return func(ctx context.Context, _ []string) error {
		limit, err := c.desk.WriteGrant(ctx, c.actor, *reader, spent, func(signed []byte) error {
			if err := durable.WriteFile(*out, signed, 0o600); err != nil {
				return fmt.Errorf("write the grant: %w", err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return c.report(map[string]any{"reader": *reader, "limit": limit, "grant": *out}, "the TPM of %s may check PINs until it has checked %d, once the reader has %s\n", *reader, limit, *out)
	}
}

func readerRenew(c *invocation) action {
	c.details = "For a reader whose TPM has lost its budget, and which says so: see reader list. A thief with the TPM can\nhave that, too: renew it only if the reader is where it should be."
	return func(ctx context.Context, args []string) error {
		if err := c.desk.RenewBudget(ctx, c.actor, args[0]); err != nil {
			return err
		}
		return c.report(map[string]any{"reader": args[0]}, "%s gets a new budget\n", args[0])
	}
}

func readerRemove(c *invocation) action {
	c.details = "Its certificate and its signatures count no more: it is told nothing, and nothing it says is taken. A new\nepoch begins, which it cannot read. Its door still works with what the reader holds: take it down."
	lost := c.Bool("lost", false, "it was stolen, or may be taken apart: all PINs and cards are marked as exposed")
	return func(ctx context.Context, args []string) error {
		how, more := desk.Returned, ""
		if *lost {
			how, more = desk.Lost, "Give new PINs and cards to those who matter: user list shows whose are exposed.\n"
		}
		epoch, err := c.desk.RemoveReader(ctx, c.actor, args[0], how)
		if err != nil {
			return err
		}
		return c.report(map[string]any{"reader": args[0], "removed": how, "epoch": epoch}, `%s is removed; epoch %d begins
If the site's broker is a Mosquitto, it lets the reader in until it has the new list of revoked certificates:
latchkey-controller broker-config --dir %s --out DIR, then restart Mosquitto
%s`, args[0], epoch, c.dir, more)
	}
}
