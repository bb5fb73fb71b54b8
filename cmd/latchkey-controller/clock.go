package main

import (
	"context"
	"fmt"
)

func clockCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "clock", "show|confirm",
		"Says whether this machine's clock is in doubt: it was put by more than a minute, or stands before what\nthe site holds, or more than a day after it. Until it is right again, or confirmed, nothing is deleted\nfor its age. Sessions, waits and links keep their limits either way.")
	arguments, err := o.parse(args, 1)
	if err != nil {
		return err
	}
	if action := arguments[0]; action != "show" && action != "confirm" {
		return usagef("latchkey-controller clock: show or confirm; see latchkey-controller clock --help")
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	if arguments[0] == "confirm" {
		if err := d.ConfirmClock(ctx, d.actor); err != nil {
			return err
		}
	}
	doubt, err := d.Doubt(ctx)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.out, map[string]string{"doubt": doubt})
	}
	if doubt == "" {
		doubt = "this machine's clock is in no doubt"
	}
	_, err = fmt.Fprintln(c.out, doubt)
	return err
}
