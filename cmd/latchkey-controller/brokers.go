package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/control"
	"latchkey/cmd/latchkey-controller/internal/desk"
)

func brokers(c *invocation) action {
	c.details = `A reader goes to its brokers in the order given, and returns to the first one when it has been up at another
for a while and hears the controller there. The controller must be connected to all of them: start it with
--broker for each, write their configuration with broker-config, and only then set them here. A reader
that none of them serves for a quarter of an hour tries those of its bundle as well.`
	var form desk.BrokersForm
	given := 0
	c.StringVar(&form.Reader, "reader", "", "set them for this reader only, by its `id`; otherwise for all, unless a cell names the brokers of its readers: cell edit sets those")
	c.Func("broker", "a broker's `URL`; may be repeated, in order", func(url string) error {
		if strings.TrimSpace(url) == "" {
			return errors.New("write a URL like ssl://broker.example:8883; --bundle goes back to the brokers of the bundles")
		}
		form.Brokers += " " + url
		given++
		return nil
	})
	c.BoolVar(&form.Bundle, "bundle", false, "go back to the brokers of each reader's bundle")
	c.BoolVar(&form.Anyway, "anyway", false, "set them although the running controller is not connected to one of them")
	c.check = func(args []string) error {
		if (args[0] == "set") != (given > 0 || form.Bundle) || given > 0 && form.Bundle || args[0] == "show" && (form.Reader != "" || form.Anyway) {
			return c.wrongUse("show, or set with --broker for each, or with --bundle")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		found, err := c.running(sessionUser()).Brokers(ctx)
		running, nobody := !errors.Is(err, control.ErrNotRunning), notRunning(err)
		if args[0] == "set" {
			if running && err != nil {
				return err
			}
			form.Running = found
			return setBrokers(ctx, c, form, nobody)
		}
		if !running {
			found, err = c.desk.Brokers(ctx, c.actor)
		}
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(c.out, found)
		}
		if !running {
			fmt.Fprintln(c.out, nobody)
		}
		return showBrokers(ctx, c, found)
	}
}

func setBrokers(ctx context.Context, c *invocation, form desk.BrokersForm, nobody string) error {
	changed, err := c.desk.SetBrokers(ctx, c.actor, form)
	if says := desk.Fields(err)["anyway"]; says != nil {
		return fmt.Errorf("%s. To set them all the same, add --anyway", says)
	}
	if err != nil {
		return err
	}
	says := fmt.Sprintf("set for %s; each moves within a few minutes, once it hears the controller there\n", counted(changed, "reader"))
	if changed == 0 {
		says = "nothing is changed: readers have been told so already\n"
	}
	result := map[string]any{"readers": changed}
	after, err := c.desk.Brokers(ctx, c.actor)
	if err != nil {
		return err
	}
	switch {
	case form.Bundle:
	case form.Running == nil:
		says += nobody + "; a controller has to be started with --broker for each of them\n"
	default:
		after.RunningAs(form.Running)
		if unheard := after.NotHeard(); len(unheard) > 0 {
			result["not-connected"] = unheard
			for _, text := range after.NotHeardTexts() {
				says += text.String() + "\n"
			}
		}
	}
	return c.report(result, "%s", says)
}

func showBrokers(ctx context.Context, c *invocation, b *desk.Brokers) error {
	in, err := c.desk.Zone(ctx)
	if err != nil {
		return err
	}
	if len(b.Cells) < 2 {
		showConnected(c, b, "", in)
	} else {
		for _, cell := range b.Cells {
			fmt.Fprintf(c.out, "cell %s\n", cell.Name)
			if b.Unheard.Has(cell.ID) {
				fmt.Fprintln(c.out, "  its connections are not known now: no controller that leads it answers")
			}
			showConnected(c, b.Of(cell.ID), "  ", in)
		}
	}
	for _, text := range b.NotHeardTexts() {
		fmt.Fprintln(c.out, text)
	}
	if b.TooOld > 0 {
		fmt.Fprintf(c.out, "%s too old for this, and keep to the first one of their bundle: update them\n", counted(b.TooOld, "reader"))
	}
	return nil
}

// showConnected prints connections, and where readers go, each line with an indent.
func showConnected(c *invocation, b *desk.Brokers, indent string, in *time.Location) {
	for _, s := range b.Connected {
		is := "is connected"
		if !s.Up {
			is = "is out of reach"
		}
		fmt.Fprintf(c.out, "%s%s %s since %s", indent, s.URL, is, shortTime(s.Since, in))
		if s.Why != "" {
			fmt.Fprintf(c.out, ": %s", s.Why)
		}
		if s.Up {
			fmt.Fprintf(c.out, "; %s there now", counted(b.HeardOver(s.URL), "reader"))
		}
		fmt.Fprintln(c.out)
	}
	if common := b.Common(); common != nil {
		fmt.Fprintf(c.out, "%sreaders go to %s\n", indent, strings.Join(common, ", then "))
		return
	}
	for _, r := range b.Readers {
		fmt.Fprintf(c.out, "%s%s goes to %s", indent, r.Reader, orDash(strings.Join(r.Wanted(), ", then ")))
		if r.At != "" && len(b.Connected) > 1 {
			fmt.Fprintf(c.out, "; now at %s", r.At)
		}
		fmt.Fprintln(c.out)
	}
}
